//! Settings of a variant, until the placements are there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Settings of a recommend call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Placement(#[schema(value_type = Object)] pub Map<String, Value>);
