//! Answers, kept as they were given: citations and passages are never derived again.

use crate::Result;
use crate::ids::DocumentId;
use crate::redaction;
use crate::store::Store;

/// An answer to keep.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    pub id: String,
    pub question: String,
    /// Name of the collection that was asked.
    pub collection: Option<String>,
    /// JSON: `text`, `citations` and `passages`, the latter two with `document`.
    pub body: String,
    /// Whose passages it drew on.
    pub documents: Vec<DocumentId>,
    /// A user's name; none for the operator.
    pub asked_by: Option<String>,
}

impl Store {
    /// Keeps an answer as it was given, except for what was removed while it was being given: of a document that went
    /// the words are left out, and nothing is kept for a user who is not there any more.
    pub async fn keep_answer(&self, new: &NewAnswer) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        if let Some(name) = &new.asked_by
            && !self.database.hold_user(&mut transaction, name).await?
        {
            transaction.rollback().await?;
            return Ok(());
        }
        let mut body = new.body.clone();
        for document in &new.documents {
            if !self.database.hold_document(&mut transaction, *document).await? {
                body = redaction::without(&body, *document);
            }
        }
        self.database.insert_answer(&mut transaction, new, &body).await?;
        transaction.commit().await?;
        Ok(())
    }
}
