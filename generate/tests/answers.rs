//! The installed models answer what passages say, quote it where it stands, and abstain otherwise.

use std::path::PathBuf;

use terroir_embed::{Encoder, EncoderOptions, ModelStore};
use terroir_generate::{
    AnswerEvent, AnswerRequest, Answerer, Citation, Generator, GeneratorOptions, Outcome, Passage, Sampling, Style,
};

const PASSAGES: [(&str, &str); 4] = [
    (
        "Staff handbook",
        "Requests for annual leave must reach the team lead at least ten working days in advance. \
Every employee has 27 days of paid leave per calendar year. Unused days expire on 31 March of the following year.",
    ),
    (
        "Pump manual",
        "The pump must be primed before the first start. Its largest permitted pressure is 6.5 bar. \
Replace the shaft seal after 4,000 hours of operation.",
    ),
    (
        "Règlement intérieur",
        "La bibliothèque municipale est ouverte du mardi au samedi de 10 h à 18 h. \
Chaque lecteur peut emprunter six livres pour trois semaines. La carte de lecteur coûte douze euros par an.",
    ),
    (
        "Conseil municipal",
        "Le conseil a voté la construction d'une passerelle sur la Loue. Le coût des travaux est de 340 000 euros. \
Les travaux commenceront en septembre.",
    ),
];

struct Answer {
    outcome: Outcome,
    text: String,
    citations: Vec<Citation>,
    evidence: f32,
}

fn answerer() -> Answerer {
    let directory =
        std::env::var_os("TERROIR_MODELS_DIR").map_or_else(|| PathBuf::from("../data/models"), PathBuf::from);
    let store = ModelStore::open(&directory).expect("run make models");
    let embed = store.files("all-MiniLM-L6-v2").expect("run make models");
    let generate = store.files("SmolLM2-135M-Instruct").expect("run make models");
    let encoder = Encoder::open(&embed, EncoderOptions::default()).expect("the encoder opens");
    let generator = Generator::open(&generate, GeneratorOptions::default()).expect("the generator opens");
    Answerer::new(generator, encoder)
}

fn passages() -> Vec<Passage> {
    let mut char_start = 0;
    let passages = PASSAGES.iter().enumerate().map(|(index, (title, text))| {
        char_start += 1000;
        Passage {
            marker: index as u32 + 1,
            title: (*title).into(),
            text: (*text).into(),
            char_start,
            ..Passage::default()
        }
    });
    passages.collect()
}

async fn ask(answerer: &Answerer, question: &str, passages: Vec<Passage>, style: Style) -> Answer {
    let sampling = Sampling { max_tokens: 48, ..Sampling::default() };
    let mut events = answerer.answer(AnswerRequest {
        question: question.into(),
        passages,
        style,
        sampling,
        voice: None,
        owner: String::new(),
    });
    let (mut streamed, mut citations) = (String::new(), Vec::new());
    while let Some(event) = events.recv().await {
        match event {
            AnswerEvent::Delta { text } => streamed.push_str(&text),
            AnswerEvent::Citation(citation) => citations.push(citation),
            AnswerEvent::Done { outcome, text, evidence, timings, .. } => {
                println!("{question}\n  {outcome:?} {evidence:.3} {timings:?}\n  {text}");
                assert_eq!(text, streamed, "the deltas are the text");
                assert!(events.recv().await.is_none(), "nothing follows the end");
                return Answer { outcome, text, citations, evidence };
            }
            AnswerEvent::Failed(error) => panic!("{question}: {error}"),
        }
    }
    panic!("{question}: no end");
}

/// One test, so that the models are loaded once.
#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_from_passages_or_not_at_all() {
    let answerer = answerer();
    for (question, expected) in [
        ("How many days of paid leave does an employee have?", "27 days"),
        ("What is the largest permitted pressure of the pump?", "6.5 bar"),
        ("When must the shaft seal be replaced?", "4,000 hours"),
        ("Combien de livres un lecteur peut-il emprunter ?", "six livres"),
        ("Quel est le coût des travaux de la passerelle ?", "340 000 euros"),
    ] {
        let answer = ask(&answerer, question, passages(), Style::Quote).await;
        assert_eq!(answer.outcome, Outcome::Answered, "{question}: {}", answer.evidence);
        assert!(answer.text.contains(expected), "{question}: {}", answer.text);
        assert!(answer.text.contains("[1]"), "{}", answer.text);
        assert!(answer.citations.iter().any(|citation| citation.quote.contains(expected)), "{question}");
        for citation in answer.citations {
            let passage = &passages()[citation.passage as usize];
            let start = (citation.char_start - passage.char_start) as usize;
            let length = (citation.char_end - citation.char_start) as usize;
            assert_eq!(passage.text.chars().skip(start).take(length).collect::<String>(), citation.quote);
            assert!(citation.verified, "{}", citation.quote);
        }
    }
    for (question, word) in [
        ("Who won the football world cup in 1998?", "documents"),
        ("What is the boiling point of mercury?", "documents"),
        ("Qui a peint la Joconde ?", "documents"),
        ("Quelle est la population du Japon ?", "documents"),
    ] {
        let answer = ask(&answerer, question, passages(), Style::Quote).await;
        assert_eq!(answer.outcome, Outcome::Abstained, "{question}: {} {}", answer.evidence, answer.text);
        assert!(answer.text.contains(word) && answer.citations.is_empty(), "{}", answer.text);
    }
    let nothing = ask(&answerer, "What is the capital of France?", Vec::new(), Style::Quote).await;
    assert_eq!(nothing.outcome, Outcome::Abstained);

    let question = "What is the largest permitted pressure of the pump?";
    let first = ask(&answerer, question, passages(), Style::Compose).await;
    let second = ask(&answerer, question, passages(), Style::Compose).await;
    assert_eq!(first.text, second.text, "no state is left between requests");
}
