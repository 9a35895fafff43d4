//! What stands before the router: it answers at once what every analysis of every camera begins with, and
//! hands on the rest.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::connection_state::ConnectionState;
use super::events::Streamed;
use super::held::{Held, InPieces};
use super::pages::PeerAddress;
use super::{App, assignments};

/// Everything that can be asked for.
#[derive(Clone)]
pub(crate) struct Front {
    app: App,
    router: TowerToHyperService<Router>,
}

/// The same, on one connection.
pub(super) struct OnConnection {
    pub(super) front: Front,
    pub(super) connection: Arc<ConnectionState>,
}

impl Front {
    pub(crate) fn new(app: App) -> Self {
        let router = TowerToHyperService::new(super::router(app.clone()));
        Self { app, router }
    }

    pub(super) fn held(&self) -> &Held {
        &self.app.0.held
    }
}

type FrontAnswer = Result<Response<Either<Full<Bytes>, InPieces>>, Infallible>;

impl Service<Request<Incoming>> for OnConnection {
    type Response = Response<Either<Full<Bytes>, InPieces>>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        let Front { app, router } = &self.front;
        if let Some(response) = assignments::at_once(app, &request) {
            return Answering::AtOnce(ready(Ok(response.map(Either::Left))));
        }
        if request.uri().path() == "/session" {
            request.extensions_mut().insert(PeerAddress(self.connection.peer));
        }
        let answering = app.0.held.answering();
        let (routed, app, connection) =
            (router.call(request), app.clone(), self.connection.clone());
        Answering::Routed(Box::pin(async move {
            let response = routed.await?;
            if response.extensions().get::<Streamed>().is_some() {
                connection.stream();
            }
            Ok(response.map(|body| Either::Right(app.0.held.answer(body, &connection, answering))))
        }))
    }
}

/// An answer on its way.
pub(crate) enum Answering {
    AtOnce(Ready<FrontAnswer>),
    Routed(Pin<Box<dyn Future<Output = FrontAnswer> + Send>>),
}

impl Future for Answering {
    type Output = FrontAnswer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<FrontAnswer> {
        match &mut *self {
            Self::AtOnce(answer) => Pin::new(answer).poll(context),
            Self::Routed(answer) => answer.as_mut().poll(context),
        }
    }
}
