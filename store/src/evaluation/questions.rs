//! Questions about a person's own documents, each with the words that answer it: what index sets are compared by. A
//! question that a program proposed counts once a person has confirmed it.

use crate::Result;
use crate::error::StoreError;
use crate::ids::{DocumentId, RevisionId};
use crate::language::Language;
use crate::sql::now_ms;
use crate::store::Store;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationQuestion {
    pub id: String,
    /// Name of the collection.
    pub collection: String,
    pub document: DocumentId,
    /// The document's title, or its file name.
    pub title: String,
    pub question: String,
    /// Verbatim out of the document.
    pub quote: String,
    /// Of the quote.
    pub language: Language,
    pub is_confirmed: bool,
    pub created_at_ms: i64,
}

/// A question to be added.
#[derive(Debug, Clone)]
pub struct NewQuestion {
    pub document: DocumentId,
    pub question: String,
    pub quote: String,
    pub language: Language,
    pub is_confirmed: bool,
}

/// Where a question's answer stands in the current revision of its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    pub revision: RevisionId,
    /// Characters of the revision's text. Every place with the same words: each answers the question.
    pub ranges: Vec<(u32, u32)>,
}

/// A passage that something can be asked about.
#[derive(Debug, Clone)]
pub struct Askable {
    pub document: DocumentId,
    pub text: String,
    pub language: Language,
}

impl Store {
    /// Oldest first; those that were confirmed, or those that were not.
    pub async fn evaluation_questions(&self, confirmed: bool) -> Result<Vec<EvaluationQuestion>> {
        self.database.evaluation_questions(confirmed).await
    }

    /// Adds a question. The quote must stand in the document's current revision.
    pub async fn add_evaluation_question(&self, new: &NewQuestion) -> Result<String> {
        let stands = self.stand(new.document, &new.quote).await?;
        if new.question.trim().is_empty() || stands.is_none_or(|stand| stand.ranges.is_empty()) {
            return Err(StoreError::NotQuoted);
        }
        let id = uuid::Uuid::now_v7().to_string();
        self.database.insert_evaluation_question(&id, new, now_ms()).await?;
        Ok(id)
    }

    /// Confirms a question, in other words if these are given.
    pub async fn confirm_evaluation_question(&self, id: &str, question: Option<&str>) -> Result<()> {
        let question = question.map(str::trim).filter(|question| !question.is_empty());
        if self.database.confirm_evaluation_question(id, question).await? {
            return Ok(());
        }
        Err(StoreError::NoSuchQuestion(id.to_owned()))
    }

    pub async fn drop_evaluation_question(&self, id: &str) -> Result<()> {
        if self.database.delete_evaluation_question(id).await? {
            return Ok(());
        }
        Err(StoreError::NoSuchQuestion(id.to_owned()))
    }

    /// Where the quote stands now. None if the document has no current revision; without ranges if it says something
    /// else by now.
    pub async fn stand(&self, document: DocumentId, quote: &str) -> Result<Option<Stand>> {
        let Some(revision) = self.database.current_revision(document).await? else { return Ok(None) };
        let ranges = places(&revision.text, quote);
        Ok(Some(Stand { revision: revision.id, ranges }))
    }

    /// Passages drawn by chance out of a collection, or out of all, that no question is about yet.
    pub async fn askable_passages(&self, collection: Option<&str>, limit: u32) -> Result<Vec<Askable>> {
        let set = self.set_in_use().id;
        self.database.askable_passages(set, collection, limit).await
    }
}

/// Character ranges of a text where the quote stands.
fn places(text: &str, quote: &str) -> Vec<(u32, u32)> {
    if quote.trim().is_empty() {
        return Vec::new();
    }
    let length = quote.chars().count() as u32;
    let (mut byte, mut chars) = (0, 0);
    text.match_indices(quote)
        .map(|(offset, _)| {
            chars += text[byte..offset].chars().count() as u32;
            byte = offset;
            (chars, chars + length)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_found_wherever_it_stands_in_characters() {
        assert_eq!(places("Été: été, été", "été"), [(5, 8), (10, 13)]);
        assert_eq!(places("quince", "medlar"), []);
        assert_eq!(places("quince", " "), []);
    }
}
