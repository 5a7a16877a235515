//! The whole URL table, and nothing else: what is not in it is not served. The rights are types, so a route whose handler
//! asks for another right than its row says does not compile.

use std::future::Future;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use strongroom_custody::{Access, Audit, Caller, Custodian, Everywhere, List, Manage, Write};

use crate::admission::admit;
use crate::answer::Answered;
use crate::door::{Ask, Once, Route, enter};
use crate::envelope::{RequestId, wrap};
use crate::openapi::Told;
use crate::options::{Desk, Options};
use crate::proof::{Needed, Nobody, Proof, Release, Within};
use crate::refusal::Refusal;
use crate::repeated::Repeats;
use crate::{applications, audit, deliveries, health, keys, metrics, openapi, secrets};

/// One row of the URL table.
#[derive(Debug, Clone, Copy)]
pub struct RouteRow {
    /// The method. `GET` answers `HEAD` too.
    pub method: &'static str,
    /// The path, with `{app}`, `{id}`, `{version}`, `{key}` and `{receipt}` in the places of ids.
    pub pattern: &'static str,
    /// What its caller needs.
    pub action: Needed,
    /// Whether it takes `Idempotency-Key`; other changes refuse it, and to a read it is nothing.
    pub repeatable: bool,
    /// Whether what it changes has a version that `If-Match` could name.
    pub(crate) has_version: bool,
    /// Where its handler stands, and its name.
    pub(crate) handler: (&'static str, &'static str),
    /// What the OpenAPI document says of it beside all this.
    pub(crate) told: Told,
}

macro_rules! routes {
    ($($method:ident $pattern:literal $proof:ty => $room:ident::$handler:ident $($repeatable:ident)?;)*) => {
        /// Every route there is.
        pub const ROUTES: &[RouteRow] = &[$(RouteRow {
            method: stringify!($method),
            pattern: $pattern,
            action: <$proof as Proof>::NEEDED,
            repeatable: routes!(@is $($repeatable)?),
            has_version: <$proof as Proof>::HAS_VERSION,
            handler: (stringify!($room), stringify!($handler)),
            // Under the handler's own name: a route that nobody describes does not compile.
            told: openapi::told::$room::$handler(),
        }),*];

        fn every_route(desk: &Arc<Desk>) -> Router {
            Router::new()
                $(.route($pattern, {
                    let once = routes!(@once $proof, $($repeatable)?);
                    route::<$proof, _, _>(MethodFilter::$method, $pattern, once, $room::$handler, desk)
                }))*
        }
    };
    (@is repeatable) => { true };
    (@is) => { false };
    (@once $proof:ty, repeatable) => { Some(<$proof as Repeats>::once as Once<$proof>) };
    (@once $proof:ty,) => { None };
}

routes! {
    // The documented routes.
    POST   "/v1/applications"                               Everywhere<Manage>  => applications::create  repeatable;
    GET    "/v1/applications"                               Everywhere<List>    => applications::list;
    GET    "/v1/applications/{app}"                         Access<List>        => applications::show;
    PUT    "/v1/applications/{app}"                         Access<Manage>      => applications::update  repeatable;
    DELETE "/v1/applications/{app}"                         Access<Manage>      => applications::delete  repeatable;
    POST   "/v1/applications/{app}/secrets"                 Access<Write>       => secrets::create       repeatable;
    GET    "/v1/applications/{app}/secrets"                 Access<List>        => secrets::list;
    GET    "/v1/applications/{app}/secrets/{id}"            Within<List>        => secrets::show;
    PUT    "/v1/applications/{app}/secrets/{id}"            Within<Write>       => secrets::replace      repeatable;
    PATCH  "/v1/applications/{app}/secrets/{id}"            Within<Write>       => secrets::change       repeatable;
    DELETE "/v1/applications/{app}/secrets/{id}"            Within<Write>       => secrets::delete       repeatable;

    // Ours beside them.
    POST   "/v1/applications/{app}/restore"                 Access<Manage>      => applications::restore repeatable;
    GET    "/v1/applications/{app}/secrets/{id}/versions"   Within<List>        => secrets::versions;
    GET    "/v1/applications/{app}/secrets/{id}/versions/{version}"  Within<List>  => secrets::show_version;
    GET    "/v1/applications/{app}/secrets/{id}/diff"       Within<List>        => secrets::diff;
    POST   "/v1/applications/{app}/secrets/{id}/rollback"   Within<Write>       => secrets::rollback     repeatable;
    POST   "/v1/applications/{app}/secrets/{id}/restore"    Within<Write>       => secrets::restore      repeatable;
    POST   "/v1/applications/{app}/secrets/{id}/deliveries" Release             => deliveries::release;
    POST   "/v1/deliveries/{receipt}/end"                   Caller              => deliveries::end;
    POST   "/v1/keys"                                       Everywhere<Manage>  => keys::create;
    GET    "/v1/keys"                                       Everywhere<Manage>  => keys::list;
    DELETE "/v1/keys/{key}"                                 Everywhere<Manage>  => keys::revoke;
    GET    "/v1/audit"                                      Everywhere<Audit>   => audit::list;
    GET    "/metrics"                                       Everywhere<Audit>   => metrics::show;
    GET    "/healthz"                                       Nobody              => health::is_alive;
    GET    "/readyz"                                        Nobody              => health::is_ready;
    GET    "/openapi.json"                                  Nobody              => openapi::show;
}

/// The contract over HTTP, for a listener or a test to serve.
pub fn app(custodian: Arc<Custodian>, options: Options) -> Router {
    let desk = Arc::new(Desk::new(custodian, options));
    every_route(&desk)
        .fallback(|Extension(id): Extension<RequestId>| async move { Refusal::route_not_found().answer(&id) })
        .method_not_allowed_fallback(|Extension(id): Extension<RequestId>| async move {
            Refusal::method_not_allowed().answer(&id)
        })
        .layer(from_fn_with_state(Arc::clone(&desk), admit))
        .layer(from_fn_with_state(desk, wrap))
}

fn route<P, H, F>(
    method: MethodFilter,
    pattern: &'static str,
    once: Option<Once<P>>,
    handler: H,
    desk: &Arc<Desk>,
) -> MethodRouter
where
    P: Proof,
    H: Fn(Ask<P>) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Answered> + Send + 'static,
{
    let desk = Arc::clone(desk);
    on(method, move |request: Request| enter(Arc::clone(&desk), Route { pattern, handler, once }, request))
}
