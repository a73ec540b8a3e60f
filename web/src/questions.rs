//! What the routes ask of the service: scope, search, quotes and their places.

use std::collections::BTreeSet;
use std::time::Instant;

use terroir_embed::{EmbedError, Input, Priority};
use terroir_generate::{GenerateError, Sampling};
use terroir_ingest::structure::Structure;
use terroir_store::{
    Document, DocumentId, IndexSet, Language, LexiconProblem, Mode, NewAnswer, Revision, Scope, SearchRequest,
    SearchResponse, StoreError, detect,
};

use crate::api::{Answer, AskRequest, Passage, QuotePlace, Style};
use crate::app::Service;
use crate::config::AnswerStyle;
use crate::error::{ApiError, ApiResult};
use crate::request::Caller;
use crate::reranking::rerank;

#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Store(error) => error.into(),
            SearchError::Embed(error) => error.into(),
        }
    }
}

/// Passages as callers see them, and as the answering model gets them.
pub struct FoundPassages {
    pub passages: Vec<Passage>,
    pub inputs: Vec<terroir_generate::Passage>,
}

/// Questions that a conversation may have before one.
const MAX_EARLIER: usize = 100;

impl Service {
    /// The question without the white space around it.
    pub fn check_question(&self, question: &str) -> ApiResult<String> {
        let question = self.check_length(question)?;
        if question.is_empty() {
            return Err(ApiError::new("empty_question", "the question is empty", "ask something").param("question"));
        }
        Ok(question)
    }

    pub fn check_length(&self, text: &str) -> ApiResult<String> {
        let max_bytes = self.settings.answer.max_question_bytes;
        if text.len() > max_bytes {
            return Err(ApiError::new(
                "question_too_long",
                format!("the text has {} bytes, more than {max_bytes}", text.len()),
                "ask in fewer words; add long texts as documents",
            )
            .param("question"));
        }
        Ok(text.trim().to_owned())
    }

    /// The question with what it points back to in the questions before it; none if it stands by itself.
    pub fn understand(&self, question: &str, earlier: &[String]) -> ApiResult<Option<String>> {
        let bytes: usize = earlier.iter().map(String::len).sum();
        if earlier.len() > MAX_EARLIER || bytes > MAX_EARLIER * self.settings.answer.max_question_bytes {
            return Err(ApiError::new(
                "question_too_long",
                format!("{} earlier questions with {bytes} bytes are too many", earlier.len()),
                "send the last twenty",
            )
            .param("earlier"));
        }
        let capitals_name = detect(question) != Language::German;
        Ok(terroir_generate::standalone(question, earlier, capitals_name))
    }

    /// What the caller may search.
    pub async fn scope(&self, caller: &Caller, collection: Option<&str>) -> ApiResult<Scope> {
        Ok(self.store.scope(&caller.principal, collection.filter(|name| !name.is_empty())).await?)
    }

    /// A document that the caller may read.
    pub async fn document(&self, caller: &Caller, id: &str) -> ApiResult<Document> {
        let id = id.parse().map_err(|_| ApiError::document_not_found())?;
        Ok(self.store.document(&caller.principal, id).await?)
    }

    /// The current revision of a document and its structure.
    pub async fn current_revision(&self, document: &Document) -> ApiResult<(Revision, Structure)> {
        let not_yet = || ApiError::new("document_not_found", "the document has no text yet", "wait until it is ready");
        let id = document.current_revision.ok_or_else(not_yet)?;
        let revision = self.store.revision(id).await?.ok_or_else(not_yet)?;
        let structure = Structure::from_bytes(&revision.structure).map_err(ApiError::internal)?;
        Ok((revision, structure))
    }

    /// In the index set in use.
    pub async fn search(
        &self,
        query: String,
        scope: Scope,
        mode: Mode,
        top_k: usize,
        facets: bool,
    ) -> ApiResult<SearchResponse> {
        let request = SearchRequest { query, query_embedding: None, scope, mode, top_k };
        let (set, _) = self.encoders.in_use().await?;
        // Boxed: there may be two of them, and what waits for an answer holds both.
        match Box::pin(self.search_in(&set, request.clone(), facets)).await {
            // Another set took its place in between: the query's vector has to be of that one's model.
            Err(SearchError::Store(StoreError::SetChanged)) => {
                let (set, _) = self.encoders.in_use().await?;
                Ok(Box::pin(self.search_in(&set, request, facets)).await?)
            }
            found => Ok(found?),
        }
    }

    /// In an index set that is open, with its own encoder.
    pub async fn search_in(
        &self,
        set: &IndexSet,
        mut request: SearchRequest,
        facets: bool,
    ) -> Result<SearchResponse, SearchError> {
        // What is read by a model has what lexicons know beside it.
        let mut text = request.query.clone();
        if request.mode != Mode::Lexical {
            let encoder = self.encoders.of(set).await?;
            text = self.store.query_text(set.id, &request.scope, &request.query).await?;
            request.query_embedding =
                encoder.encode(vec![text.clone()], Input::Query, Priority::Interactive).await?.into_iter().next();
        }
        let Some(reranker) = self.reranker.as_ref().filter(|_| request.mode == Mode::Hybrid) else {
            return Ok(self.store.search_in(set.id, &request, facets).await?);
        };
        let started = Instant::now();
        let top_k = request.top_k;
        request.top_k = top_k.max(self.settings.search.rerank_passages);
        let mut found = self.store.search_in(set.id, &request, facets).await?;
        rerank(reranker, &self.settings.search, &text, &mut found.hits).await?;
        found.hits.truncate(top_k);
        found.took_ms = started.elapsed().as_millis() as u64;
        Ok(found)
    }

    /// The passages that an answer may draw on.
    pub async fn search_passages(&self, question: &str, scope: Scope, top_k: usize) -> ApiResult<FoundPassages> {
        let found = self.search(question.to_owned(), scope, Mode::Hybrid, top_k, false).await?;
        let marked = || found.hits.iter().zip(1..);
        Ok(FoundPassages {
            passages: marked().map(|(hit, marker)| Passage::new(marker, hit)).collect(),
            inputs: marked()
                .map(|(hit, marker)| terroir_generate::Passage {
                    marker,
                    title: hit.title.clone(),
                    heading_path: hit.heading_path.clone(),
                    text: hit.text.clone(),
                    char_start: hit.char_start,
                    language: hit.language.as_str().to_owned(),
                    score: hit.score,
                    dense_score: hit.dense_score,
                })
                .collect(),
        })
    }

    pub fn style(&self, asked: Option<Style>) -> terroir_generate::Style {
        match (asked, self.settings.answer.style) {
            (Some(Style::Quote), _) | (None, AnswerStyle::Quote) => terroir_generate::Style::Quote,
            (Some(Style::Compose), _) | (None, AnswerStyle::Compose) => terroir_generate::Style::Compose,
        }
    }

    pub fn sampling(&self, request: &AskRequest) -> Sampling {
        let answer = &self.settings.answer;
        Sampling {
            temperature: request.temperature.unwrap_or(answer.temperature),
            max_tokens: request.max_tokens.unwrap_or(answer.max_tokens).clamp(1, 4096),
            seed: request.seed,
            ..Sampling::default()
        }
    }

    /// Reads the revision again and compares: a quote is verified only if it stands there now.
    pub async fn locate_quote(&self, passage: &Passage, citation: &terroir_generate::Citation) -> QuotePlace {
        let Ok(id) = passage.revision.parse() else { return QuotePlace::default() };
        let revision = match self.store.revision(id).await {
            Ok(Some(revision)) => revision,
            Ok(None) => return QuotePlace::default(),
            Err(error) => {
                tracing::warn!(%error, "a quote could not be verified");
                return QuotePlace::default();
            }
        };
        let citation = citation.clone();
        // A long document takes milliseconds to walk: too long for an async thread.
        tokio::task::spawn_blocking(move || place_of(&revision, &citation)).await.unwrap_or_default()
    }

    pub async fn keep_answer(
        &self,
        question: &str,
        collection: Option<&str>,
        asked_by: Option<&str>,
        answer: &Answer,
    ) -> ApiResult<()> {
        let documents: BTreeSet<DocumentId> =
            answer.passages.iter().filter_map(|passage| passage.document.parse().ok()).collect();
        let new = NewAnswer {
            id: answer.id.clone(),
            question: question.to_owned(),
            collection: collection.map(str::to_owned),
            body: serde_json::to_string(answer).map_err(ApiError::internal)?,
            documents: documents.into_iter().collect(),
            asked_by: asked_by.map(str::to_owned),
        };
        Ok(self.store.keep_answer(&new).await?)
    }
}

fn place_of(revision: &Revision, citation: &terroir_generate::Citation) -> QuotePlace {
    let (start, end) = (citation.char_start, citation.char_end);
    let length = end.saturating_sub(start) as usize;
    let stored = revision.text.chars().skip(start as usize).take(length);
    let verified = length > 0 && stored.eq(citation.quote.chars());
    let Ok(structure) = Structure::from_bytes(&revision.structure) else {
        return QuotePlace { verified, ..QuotePlace::default() };
    };
    let layout = structure.layout;
    QuotePlace {
        verified,
        page: layout.page_of(start),
        boxes: layout.boxes(start, end).into_iter().map(Into::into).collect(),
    }
}

/// Every error of the models and the store, as callers see it.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchCollection(_) => {
                Self::new("collection_not_found", error.to_string(), "GET /api/v1/collections lists them")
                    .param("collection")
            }
            StoreError::NoSuchDocument(_) => Self::document_not_found(),
            StoreError::NoSuchChunk(_) => Self::chunk_not_found(),
            StoreError::Exists(_) => {
                Self::new("conflict", error.to_string(), "use it, or choose another name").param("name")
            }
            StoreError::NoSuchSource(_) => {
                Self::new("source_not_found", "there is no such source", "list the sources with GET /api/v1/sources")
            }
            StoreError::SourceExists(_) => {
                Self::new("conflict", error.to_string(), "choose another name, or change that source").param("name")
            }
            StoreError::NoSuchUser(_) => {
                Self::new("user_not_found", error.to_string(), "list the users with GET /api/v1/users")
            }
            StoreError::NoSuchKey(_) => {
                Self::new("key_not_found", error.to_string(), "list the keys with GET /api/v1/keys")
            }
            StoreError::NoSuchReceipt(_) => {
                Self::new("receipt_not_found", error.to_string(), "list the receipts with GET /api/v1/receipts")
            }
            StoreError::NoSuchSet(_) => {
                Self::new("index_set_not_found", error.to_string(), "list the index sets with GET /api/v1/index-sets")
            }
            StoreError::NoSuchQuestion(_) => Self::new(
                "evaluation_question_not_found",
                error.to_string(),
                "list them with GET /api/v1/evaluation/questions",
            ),
            StoreError::NotQuoted => {
                Self::new("invalid_request", error.to_string(), "copy the words out of the document").param("quote")
            }
            StoreError::SetBeside | StoreError::SetInUse | StoreError::SetIncomplete { .. } => {
                Self::new("conflict", error.to_string(), "look at the index sets with GET /api/v1/index-sets")
            }
            StoreError::Lexicon { line, problem } => {
                let code = match problem {
                    LexiconProblem::Alone => "lexicon_alone",
                    LexiconProblem::Empty => "lexicon_empty",
                    LexiconProblem::Arrows => "lexicon_arrows",
                    LexiconProblem::NoWord | LexiconProblem::Control => "lexicon_characters",
                    LexiconProblem::TooLong
                    | LexiconProblem::TooManyLines
                    | LexiconProblem::TooManyExpressions
                    | LexiconProblem::ExpressionTooLong => "lexicon_too_long",
                };
                let hint = "write one entry a line, as in “vache, vaca”, or one way, as in “PV => procès-verbal”";
                Self { line: (line > 0).then_some(line), ..Self::new(code, problem.to_string(), hint).param("lexicon") }
            }
            StoreError::Reader(_) => {
                Self::new("invalid_request", error.to_string(), "name the reader in one of these ways").param("readers")
            }
            StoreError::Name => Self::new("invalid_request", error.to_string(), "choose another name").param("name"),
            StoreError::Cursor => {
                Self::new("invalid_request", error.to_string(), "start again without a cursor").param("cursor")
            }
            StoreError::Unreachable { .. } => {
                tracing::error!(%error, "a server that the service needs is not there");
                Self::new("unavailable", "a server that the service needs is not there", "try again in a moment")
            }
            other => Self::internal(other),
        }
    }
}

impl From<EmbedError> for ApiError {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Busy => overloaded(),
            EmbedError::UnknownModel { .. } | EmbedError::Missing { .. } => Self::new(
                "model_not_found",
                error.to_string(),
                "import it with `terroir models import`; `terroir models list` shows those that are installed",
            )
            .param("model"),
            other => Self::internal(other),
        }
    }
}

impl From<&GenerateError> for ApiError {
    fn from(error: &GenerateError) -> Self {
        match error {
            GenerateError::Busy => overloaded(),
            GenerateError::PromptTooLong { .. } | GenerateError::Memory { .. } => {
                Self::new("context_length_exceeded", error.to_string(), "send less text, or choose another model")
                    .param("messages")
            }
            GenerateError::Prompt { .. } => {
                Self::new("invalid_request", error.to_string(), "send a text or tokens of this model").param("prompt")
            }
            GenerateError::Conversation { .. } => {
                Self::new("invalid_request", error.to_string(), "send the messages in an order that the model knows")
                    .param("messages")
            }
            GenerateError::Sampling { parameter, .. } => {
                Self::new("invalid_request", error.to_string(), "leave it out for the default").param(parameter)
            }
            GenerateError::Format { .. } | GenerateError::Constraint { .. } => {
                Self::new("invalid_request", error.to_string(), "see docs/openai.md for what can be enforced")
                    .param("response_format")
            }
            other => Self::internal(other),
        }
    }
}

fn overloaded() -> ApiError {
    ApiError::new(
        "overloaded",
        "more requests are waiting than the models can take",
        "try again after Retry-After seconds",
    )
}
