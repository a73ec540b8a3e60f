//! Evaluation questions: proposed by the generating model or written by a person, confirmed by a person.

use actix_web::{HttpResponse, delete, get, post, web};
use serde::{Deserialize, Serialize};
use terroir_store::detect;
use terroir_store::evaluation::NewQuestion;
use utoipa::{IntoParams, ToSchema};

use crate::api::{ConfirmQuestion, EvaluationQuestionView, NewEvaluationQuestion, ProposeQuestions, Proposed};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuestionsQuery {
    /// `confirmed` (those that are measured by), or `proposed`; `confirmed` if left out.
    state: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EvaluationQuestions {
    /// Oldest first.
    pub items: Vec<EvaluationQuestionView>,
}

#[utoipa::path(tag = "evaluation", params(QuestionsQuery),
    responses((status = 200, body = EvaluationQuestions), (status = 400, body = ErrorBody)))]
#[get("/api/v1/evaluation/questions")]
pub async fn list_evaluation_questions(
    service: web::Data<Service>,
    query: web::Query<QuestionsQuery>,
) -> ApiResult<web::Json<EvaluationQuestions>> {
    let confirmed = match query.state.as_deref() {
        None | Some("confirmed") => true,
        Some("proposed") => false,
        Some(_) => {
            let error = ApiError::new("invalid_request", "there is no such state", "write confirmed or proposed");
            return Err(error.param("state"));
        }
    };
    let questions = service.store.evaluation_questions(confirmed).await?;
    Ok(web::Json(EvaluationQuestions { items: questions.into_iter().map(Into::into).collect() }))
}

/// Adds a question of one's own; it counts at once.
#[utoipa::path(tag = "evaluation", request_body = NewEvaluationQuestion,
    responses((status = 201, body = Object), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[post("/api/v1/evaluation/questions")]
pub async fn create_evaluation_question(
    service: web::Data<Service>,
    caller: Caller,
    new: web::Json<NewEvaluationQuestion>,
) -> ApiResult<HttpResponse> {
    let new = new.into_inner();
    let document = service.document(&caller, &new.document).await?;
    let question = service.check_question(&new.question)?;
    let id = service
        .store
        .add_evaluation_question(&NewQuestion {
            document: document.id,
            question,
            language: detect(&new.quote),
            quote: new.quote,
            is_confirmed: true,
        })
        .await?;
    Ok(HttpResponse::Created().json(serde_json::json!({"id": id})))
}

/// Lets the generating model propose questions about passages drawn by chance. It takes seconds for each.
#[utoipa::path(tag = "evaluation", request_body = ProposeQuestions,
    responses((status = 200, body = Proposed), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
#[post("/api/v1/evaluation/proposals")]
pub async fn propose_evaluation_questions(
    service: web::Data<Service>,
    caller: Caller,
    request: web::Json<ProposeQuestions>,
) -> ApiResult<web::Json<Proposed>> {
    let count = request.count.unwrap_or(10).clamp(1, 100);
    let collection = request.collection.as_deref().filter(|name| !name.is_empty());
    let proposed = service.propose_questions(collection, count, &caller.owner).await?;
    Ok(web::Json(Proposed { proposed }))
}

/// Confirms a question, in other words if these are given.
#[utoipa::path(tag = "evaluation", request_body = ConfirmQuestion,
    params(("id" = String, Path, description = "Question")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
#[post("/api/v1/evaluation/questions/{id}/confirm")]
pub async fn confirm_evaluation_question(
    service: web::Data<Service>,
    id: web::Path<String>,
    request: web::Json<ConfirmQuestion>,
) -> ApiResult<HttpResponse> {
    let question = request.into_inner().question.map(|question| service.check_question(&question)).transpose()?;
    service.store.confirm_evaluation_question(&id, question.as_deref()).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path(tag = "evaluation", params(("id" = String, Path, description = "Question")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
#[delete("/api/v1/evaluation/questions/{id}")]
pub async fn drop_evaluation_question(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<HttpResponse> {
    service.store.drop_evaluation_question(&id).await?;
    Ok(HttpResponse::NoContent().finish())
}
