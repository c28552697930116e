//! placeholder
use super::respond::{self, Body};
use super::routes::Call;
use hyper::Response;
/// placeholder
pub async fn serve(_: Call) -> Response<Body> {
    respond::made(b"{}".to_vec())
}
