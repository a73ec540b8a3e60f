//! What a text is to the model, and the words that the model wants to read before it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Models that were trained with prompts (multilingual-e5: `query: ` and `passage: `) read a different one
/// before a query than before a passage. To models without prompts all inputs are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A question or a search.
    Query,
    /// What may be found.
    Passage,
    /// Exactly the text: the caller decides what stands before it.
    Plain,
}

/// `config_sentence_transformers.json`, as far as texts depend on it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PromptConfig {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Prompts {
    query: String,
    passage: String,
}

impl From<PromptConfig> for Prompts {
    /// The names that sentence-transformers looks for, and its fallback for texts without one of them.
    fn from(config: PromptConfig) -> Self {
        // The library writes `"document": ""` beside the author's own `passage`: an empty prompt is none.
        let named = |name: &str| config.prompts.get(name).cloned().flatten().filter(|prompt| !prompt.is_empty());
        let first = |names: &[&str]| {
            let mut names = names.iter().copied().chain(config.default_prompt_name.as_deref());
            names.find_map(named).unwrap_or_default()
        };
        Self { query: first(&["query"]), passage: first(&["document", "passage", "corpus"]) }
    }
}

impl Prompts {
    pub(super) fn are_empty(&self) -> bool {
        self.query.is_empty() && self.passage.is_empty()
    }

    pub(super) fn before(&self, input: Input) -> &str {
        match input {
            Input::Query => &self.query,
            Input::Passage => &self.passage,
            Input::Plain => "",
        }
    }

    pub(super) fn put_before(&self, input: Input, texts: Vec<String>) -> Vec<String> {
        match self.before(input) {
            "" => texts,
            prompt => texts.into_iter().map(|text| format!("{prompt}{text}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(config: &str) -> [String; 2] {
        let prompts = Prompts::from(serde_json::from_str::<PromptConfig>(config).unwrap());
        [Input::Query, Input::Passage].map(|input| prompts.before(input).to_owned())
    }

    #[test]
    fn prompts_go_by_the_names_of_the_library() {
        let both = r#"{"prompts": {"query": "query: ", "passage": "passage: "}}"#;
        assert_eq!(prompts(both), ["query: ", "passage: "]);
        // As saved by the library, which adds an empty `document`.
        let saved = r#"{"prompts": {"query": "q ", "document": "", "passage": "p "}, "default_prompt_name": null}"#;
        assert_eq!(prompts(saved), ["q ", "p "]);
        let fallback = r#"{"prompts": {"query": "q ", "other": "o "}, "default_prompt_name": "other"}"#;
        assert_eq!(prompts(fallback), ["q ", "o "]);
        assert_eq!(prompts(r#"{"prompts": {"query": null}, "similarity_fn_name": "cosine"}"#), ["", ""]);
        assert_eq!(prompts("{}"), ["", ""]);
    }

    #[test]
    fn a_plain_text_stays_as_it_is() {
        let prompts = Prompts { query: "q ".to_owned(), passage: String::new() };
        let text = || vec!["text".to_owned()];
        assert_eq!(prompts.put_before(Input::Query, text()), ["q text"]);
        assert_eq!(prompts.put_before(Input::Passage, text()), ["text"]);
        assert_eq!(prompts.put_before(Input::Plain, text()), ["text"]);
    }
}
