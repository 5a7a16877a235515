//! The whole URL table, and nothing else: what is not in it is not served. The rights are types, so a route whose handler
//! asks for another right than its row says does not compile.

use std::future::Future;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use strongroom_custody::{Access, Audit, Caller, Custodian, Everywhere, List, Manage, Write};

use crate::answer::Answered;
use crate::door::{Ask, enter};
use crate::envelope::{RequestId, wrap};
use crate::options::{Desk, Options};
use crate::proof::{Needed, Nobody, Proof, Release, Within};
use crate::refusal::Refusal;
use crate::{applications, audit, deliveries, health, keys, secrets};

/// One row of the URL table.
#[derive(Debug, Clone, Copy)]
pub struct RouteRow {
    /// The method. `GET` answers `HEAD` too.
    pub method: &'static str,
    /// The path, with `{app}`, `{id}`, `{version}`, `{key}` and `{receipt}` in the places of ids.
    pub pattern: &'static str,
    /// What its caller needs.
    pub action: Needed,
}

macro_rules! routes {
    ($($method:ident $pattern:literal $proof:ty => $handler:path;)*) => {
        /// Every route there is.
        pub const ROUTES: &[RouteRow] = &[
            $(RouteRow { method: stringify!($method), pattern: $pattern, action: <$proof as Proof>::NEEDED }),*
        ];

        fn every_route(desk: &Arc<Desk>) -> Router {
            Router::new()$(.route($pattern, route::<$proof, _, _>(MethodFilter::$method, $pattern, $handler, desk)))*
        }
    };
}

routes! {
    // The documented routes.
    POST   "/v1/applications"                                   Everywhere<Manage>  => applications::create;
    GET    "/v1/applications"                                   Everywhere<List>    => applications::list;
    GET    "/v1/applications/{app}"                             Access<List>        => applications::show;
    PUT    "/v1/applications/{app}"                             Access<Manage>      => applications::update;
    DELETE "/v1/applications/{app}"                             Access<Manage>      => applications::delete;
    POST   "/v1/applications/{app}/secrets"                     Access<Write>       => secrets::create;
    GET    "/v1/applications/{app}/secrets"                     Access<List>        => secrets::list;
    GET    "/v1/applications/{app}/secrets/{id}"                Within<List>        => secrets::show;
    PUT    "/v1/applications/{app}/secrets/{id}"                Within<Write>       => secrets::replace;
    PATCH  "/v1/applications/{app}/secrets/{id}"                Within<Write>       => secrets::change;
    DELETE "/v1/applications/{app}/secrets/{id}"                Within<Write>       => secrets::delete;

    // Ours beside them.
    POST   "/v1/applications/{app}/restore"                     Access<Manage>      => applications::restore;
    GET    "/v1/applications/{app}/secrets/{id}/versions"       Within<List>        => secrets::versions;
    GET    "/v1/applications/{app}/secrets/{id}/versions/{version}"  Within<List>   => secrets::show_version;
    GET    "/v1/applications/{app}/secrets/{id}/diff"           Within<List>        => secrets::diff;
    POST   "/v1/applications/{app}/secrets/{id}/rollback"       Within<Write>       => secrets::rollback;
    POST   "/v1/applications/{app}/secrets/{id}/restore"        Within<Write>       => secrets::restore;
    POST   "/v1/applications/{app}/secrets/{id}/deliveries"     Release             => deliveries::release;
    POST   "/v1/deliveries/{receipt}/end"                       Caller              => deliveries::end;
    POST   "/v1/keys"                                           Everywhere<Manage>  => keys::create;
    GET    "/v1/keys"                                           Everywhere<Manage>  => keys::list;
    DELETE "/v1/keys/{key}"                                     Everywhere<Manage>  => keys::revoke;
    GET    "/v1/audit"                                          Everywhere<Audit>   => audit::list;
    GET    "/healthz"                                           Nobody              => health::is_alive;
    GET    "/readyz"                                            Nobody              => health::is_ready;
}

/// The contract over HTTP, for a listener or a test to serve.
pub fn app(custodian: Arc<Custodian>, options: Options) -> Router {
    let desk = Arc::new(Desk::new(custodian, options));
    every_route(&desk)
        .fallback(|Extension(id): Extension<RequestId>| async move { Refusal::route_not_found().answer(&id) })
        .method_not_allowed_fallback(|Extension(id): Extension<RequestId>| async move {
            Refusal::method_not_allowed().answer(&id)
        })
        .layer(from_fn_with_state(desk, wrap))
}

fn route<P, H, F>(method: MethodFilter, pattern: &'static str, handler: H, desk: &Arc<Desk>) -> MethodRouter
where
    P: Proof,
    H: Fn(Ask<P>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answered> + Send + 'static,
{
    let desk = Arc::clone(desk);
    on(method, move |request: Request| enter(Arc::clone(&desk), pattern, handler.clone(), request))
}
