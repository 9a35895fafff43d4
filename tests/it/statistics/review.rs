//! The review against reference vectors that were computed twice by others.
//!
//! `TIDEGATE_REVIEW_VECTORS` names another file of the same shape.

use std::path::PathBuf;

use serde_json::Value;
use tidegate_engine::id::AnalysisId;
use tidegate_engine::review::{CardHash, CardOrder};
use tidegate_stats::evidence::EValue;
use tidegate_stats::review::{
    AgreementBlock, AnsweredCard, BlockSpread, CameraLabels, Claim, Direction, Discordant,
    DrawnCard, FleetBlock, LimitSettings, Review, ReviewBounds, ReviewEvidence, ReviewLimits,
    ReviewVerdict, SignBet, Worth, agreement,
};
use tidegate_stats::student::DegreesOfFreedom;

mod outages;
mod pairs;
mod simulation;
mod world;

/// The groups that are compared, each by a test.
const GROUPS: [&str; 8] =
    ["agreement", "bounds", "evidence", "order", "sign", "spread", "student", "verdict"];

fn vectors() -> Value {
    let named = std::env::var_os("TIDEGATE_REVIEW_VECTORS");
    let path = system_tests::repository(".")
        .join(named.map_or_else(|| PathBuf::from("tests/vectors/review.json"), PathBuf::from));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was compared belongs to the result")]
fn every_group_has_cases() {
    let file = vectors();
    let cases = |group| file["groups"][group]["cases"].as_array().map_or(0, Vec::len);
    let counts = GROUPS.map(cases);
    assert!(!counts.contains(&0), "{GROUPS:?} have {counts:?} cases");
    println!("review: {} groups, {} cases", GROUPS.len(), counts.iter().sum::<usize>());
}

/// Runs `check` on every case of `group` with the group's tolerance.
#[expect(clippy::print_stdout, reason = "how much was compared belongs to the result")]
fn for_each_case(group: &str, check: impl Fn(&Case)) {
    let file = vectors();
    let found = &file["groups"][group];
    let tolerance = found["tolerance"].as_f64().unwrap();
    let cases = found["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "{group} has no cases");
    for (number, value) in cases.iter().enumerate() {
        let name = value["name"].as_str().map_or_else(|| number.to_string(), str::to_owned);
        check(&Case { place: format!("{group}, {name}"), tolerance, value });
    }
    println!("review {group}: {} cases", cases.len());
}

struct Case<'a> {
    place: String,
    tolerance: f64,
    value: &'a Value,
}

impl Case<'_> {
    fn list(&self, name: &str) -> &[Value] {
        self.value[name].as_array().unwrap_or_else(|| panic!("{}: no list {name}", self.place))
    }

    fn whole(&self, name: &str) -> i64 {
        self.value[name].as_i64().unwrap_or_else(|| panic!("{}: no {name}", self.place))
    }

    fn number(&self, name: &str) -> f64 {
        number(&self.value[name]).unwrap_or_else(|| panic!("{}: no {name}", self.place))
    }

    fn counts(&self, name: &str) -> Vec<u64> {
        self.list(name).iter().map(|count| count.as_u64().unwrap()).collect()
    }

    /// Events of the only class there is.
    fn events(&self) -> Discordant {
        let of = |name| match self.counts(name)[..] {
            [count] => count,
            _ => panic!("{}: {name} has several classes", self.place),
        };
        Discordant::new(of("n_lost"), of("n_gained")).unwrap()
    }

    fn directions(&self) -> Vec<Direction> {
        let of = |lost: u64| if lost == 1 { Direction::Lost } else { Direction::Gained };
        self.counts("lost").into_iter().map(of).collect()
    }

    fn cards(&self) -> Vec<AnsweredCard> {
        let answers = self.list("z");
        let directions = self.directions();
        assert_eq!(answers.len(), directions.len(), "{}", self.place);
        let card = |(direction, z): (_, &Value)| AnsweredCard {
            direction,
            worth: Worth::new(z.as_f64().unwrap()).unwrap(),
        };
        directions.into_iter().zip(answers).map(card).collect()
    }

    /// Blocks of the names of their numbers.
    fn blocks<const N: usize>(&self) -> Vec<[i64; N]> {
        let block = |block: &Value| {
            let numbers = block.as_array().unwrap().iter().map(|n| n.as_i64().unwrap());
            <[i64; N]>::try_from(numbers.collect::<Vec<_>>()).unwrap()
        };
        self.list("blocks").iter().map(block).collect()
    }

    fn changes(&self) -> Vec<FleetBlock> {
        let block =
            |[change, alerts]: [i64; 2]| FleetBlock { change, alerts: alerts.cast_unsigned() };
        self.blocks().into_iter().map(block).collect()
    }

    fn expect(&self, name: &str, got: f64, expected: f64) {
        let near = (got - expected).abs() <= self.tolerance * expected.abs().max(1.0);
        assert!(
            near || got.total_cmp(&expected).is_eq(),
            "{}: {name} is {got:e}, expected {expected:e}",
            self.place
        );
    }
}

/// A number; infinities are texts.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[test]
fn evidence_is_that_of_both_programs() {
    for_each_case("evidence", |case| {
        let d = case.whole("d");
        let claim = match case.value["side"].as_str() {
            Some("less") => Claim::Below(d),
            Some("more") => Claim::Above(d),
            other => panic!("{}: side {other:?}", case.place),
        };
        let mut evidence = ReviewEvidence::new(case.events(), claim);
        for card in case.cards() {
            evidence.add(card).unwrap();
        }
        case.expect("ln_window", evidence.window().ln(), case.number("ln_window"));
        case.expect("ln_stream", evidence.stream().ln(), case.number("ln_stream"));
        case.expect("ln", evidence.lesser().ln(), case.number("ln"));
    });
}

#[test]
fn bounds_are_those_of_both_programs() {
    for_each_case("bounds", |case| {
        let bounds = ReviewBounds::at(case.events(), &case.cards(), case.number("level")).unwrap();
        let expected =
            ReviewBounds { least: case.whole("least"), greatest: case.whole("greatest") };
        assert_eq!(bounds, Some(expected), "{}", case.place);
    });
}

#[test]
fn spread_is_that_of_both_programs() {
    for_each_case("spread", |case| {
        let spread =
            BlockSpread::of(&case.changes(), case.whole("events").cast_unsigned()).unwrap();
        case.expect("s", spread.s(), case.number("s"));
    });
}

#[test]
fn quantiles_are_those_of_both_programs() {
    for_each_case("student", |case| {
        let degrees = DegreesOfFreedom::new(case.number("nu")).unwrap();
        case.expect("t", degrees.quantile(case.number("p")).unwrap(), case.number("t"));
    });
}

#[test]
fn verdicts_are_those_of_both_programs() {
    for_each_case("verdict", |case| {
        let limit = |name: &str| case.value["limits"][name].as_f64().unwrap();
        let limits = ReviewLimits::new(LimitSettings {
            false_alarms: limit("limit_fp"),
            missed: limit("limit_missed"),
            benefit: limit("benefit"),
        });
        let review = Review::new(case.events(), &case.changes(), limits.unwrap()).unwrap();
        let answer = |answer: &Value| answer.as_f64().map(|z| Worth::new(z).unwrap());
        let answers = case.list("answers").iter().map(answer);
        let card = |(direction, answer)| DrawnCard { direction, answer };
        let drawn: Vec<DrawnCard> = case.directions().into_iter().zip(answers).map(card).collect();
        assert_eq!(drawn.len(), case.list("answers").len(), "{}", case.place);
        let findings = review.judge(&drawn).unwrap();

        assert_eq!(review.spread().alerts(), case.whole("alerts").cast_unsigned());
        case.expect("s", review.spread().s(), case.number("s"));
        let (claims, evidence) = (review.claims(), findings.evidence);
        let compare = |name: &str, claim: Claim, evidence: EValue| {
            let (Claim::Below(d) | Claim::Above(d)) = claim;
            assert_eq!(Some(d), case.value["boundaries"][name].as_i64(), "{}: {name}", case.place);
            case.expect(name, evidence.ln(), number(&case.value["ln"][name]).unwrap());
        };
        compare("reject_false_alarms", claims.more_false_alarms, evidence.more_false_alarms);
        compare("reject_missed", claims.more_missed, evidence.more_missed);
        compare("missed_within_limit", claims.missed_within_limit, evidence.missed_within_limit);
        compare(
            "false_alarms_within_limit",
            claims.false_alarms_within_limit,
            evidence.false_alarms_within_limit,
        );
        compare("benefit", claims.benefit, evidence.benefit);
        if let Some(delta) = number(&case.value["delta"]) {
            case.expect("delta", findings.delta.unwrap(), delta);
        }
        assert_eq!(
            Some(name_of(findings.verdict)),
            case.value["verdict"].as_str(),
            "{}",
            case.place
        );
    });
}

fn name_of(verdict: ReviewVerdict) -> &'static str {
    match verdict {
        ReviewVerdict::RejectFalseAlarms => "reject_false_alarms",
        ReviewVerdict::RejectMissed => "reject_missed",
        ReviewVerdict::Promote => "promote",
        ReviewVerdict::Pass => "pass",
        ReviewVerdict::Alarm => "alarm",
        ReviewVerdict::Open => "open",
    }
}

#[test]
fn agreement_is_that_of_both_programs() {
    for_each_case("agreement", |case| {
        let labels = |side: &str| -> Vec<CameraLabels> {
            let false_alarms = case.counts(&format!("false_{side}"));
            let labels = case.counts(&format!("labels_{side}"));
            assert_eq!(false_alarms.len(), labels.len(), "{}", case.place);
            let camera = |(false_alarms, labels)| CameraLabels { false_alarms, labels };
            false_alarms.into_iter().zip(labels).map(camera).collect()
        };
        let block = |block: [i64; 3]| {
            let [gained, lost, alerts] = block.map(i64::cast_unsigned);
            AgreementBlock { gained, lost, alerts }
        };
        let blocks: Vec<AgreementBlock> = case.blocks().into_iter().map(block).collect();
        let found = agreement(&labels("gained"), &labels("lost"), &blocks).unwrap().unwrap();
        case.expect("difference", found.value, case.number("difference"));
        case.expect("variance", found.variance, case.number("variance"));
        case.expect("degrees", found.degrees.value(), case.number("degrees"));
    });
}

#[test]
fn sign_bets_are_those_of_both_programs() {
    for_each_case("sign", |case| {
        let mut bet = SignBet::default();
        for sign in case.list("signs") {
            bet.add(sign.as_i64().unwrap().cmp(&0));
        }
        case.expect("ln", bet.evidence().ln(), case.number("ln"));
    });
}

#[test]
fn cards_are_in_the_order_of_both_programs() {
    for_each_case("order", |case| {
        let texts = |name: &str| -> Vec<&str> {
            case.list(name).iter().map(|text| text.as_str().unwrap()).collect()
        };
        let salt = case.value["salt"].as_str().unwrap().strip_suffix("/review").unwrap();
        let order = CardOrder::new(&salt.parse().unwrap());
        let mut cards: Vec<(CardHash, AnalysisId)> = Vec::new();
        for (id, hash) in texts("ids").into_iter().zip(texts("hash")) {
            let id = id.parse().unwrap();
            assert_eq!(order.of(&id).to_string(), hash, "{}: {id}", case.place);
            cards.push((order.of(&id), id));
        }
        cards.sort();
        let found: Vec<&str> = cards.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!(found, texts("order"), "{}", case.place);
    });
}
