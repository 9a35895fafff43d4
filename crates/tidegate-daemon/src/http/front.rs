//! What stands before the router: it answers at once what every analysis of every camera begins with, and
//! hands on the rest.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::{App, assignments};

/// Everything that can be asked for.
#[derive(Clone)]
pub(crate) struct Front {
    app: App,
    router: TowerToHyperService<Router>,
}

impl Front {
    pub(crate) fn new(app: App) -> Self {
        let router = TowerToHyperService::new(super::router(app.clone()));
        Self { app, router }
    }
}

type Answer = Result<Response<Either<Full<Bytes>, Body>>, Infallible>;

impl Service<Request<Incoming>> for Front {
    type Response = Response<Either<Full<Bytes>, Body>>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        if let Some(response) = assignments::at_once(&self.app, &request) {
            return Answering::AtOnce(ready(Ok(response.map(Either::Left))));
        }
        let routed = self.router.call(request);
        Answering::Routed(Box::pin(async { Ok(routed.await?.map(Either::Right)) }))
    }
}

/// An answer on its way.
pub(crate) enum Answering {
    AtOnce(Ready<Answer>),
    Routed(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        match &mut *self {
            Self::AtOnce(answer) => Pin::new(answer).poll(context),
            Self::Routed(answer) => answer.as_mut().poll(context),
        }
    }
}
