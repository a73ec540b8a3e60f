//! `POST /api/v1/documents`: files in, jobs out.

use actix_multipart::form::MultipartForm;
use actix_multipart::form::tempfile::TempFile;
use actix_multipart::form::text::Text;
use actix_web::{HttpResponse, post, web};
use utoipa::ToSchema;

use crate::api::UploadedItem;
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
