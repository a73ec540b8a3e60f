//! Runs in TREC's format, which `trec_eval` and its relatives read: query, `Q0`, document, rank, score, name.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use terroir_store::evaluation::Rankings;

/// Writes several runs one after the other, each under its name. Ranks and scores count the places; the scores of
/// a search are not comparable between queries.
pub fn write(path: &Path, runs: &[(&str, &Rankings)]) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(fs_err::File::create(path)?);
    for (name, rankings) in runs {
        let sorted: BTreeMap<_, _> = rankings.iter().collect();
        for (query, documents) in sorted {
            for (document, rank) in documents.iter().zip(1_usize..) {
                writeln!(file, "{query} Q0 {document} {rank} {} {name}", documents.len() - rank + 1)?;
            }
        }
    }
    Ok(file.flush()?)
}

/// The runs of a file, by name; documents in the order of their scores, as `trec_eval` has it.
pub fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Rankings>> {
    let mut scored: BTreeMap<String, BTreeMap<String, Vec<(f64, String)>>> = BTreeMap::new();
    for (line, number) in std::io::BufReader::new(fs_err::File::open(path)?).lines().zip(1_usize..) {
        let line = line?;
        let columns: Vec<&str> = line.split_whitespace().collect();
        match columns.as_slice() {
            [] => {}
            [query, _, document, _, score, name] => {
                let score = score.parse().with_context(|| format!("{}:{number}: not a score", path.display()))?;
                let run = scored.entry((*name).to_owned()).or_default();
                run.entry((*query).to_owned()).or_default().push((score, (*document).to_owned()));
            }
            _ => anyhow::bail!("{}:{number}: a line of a run has six columns", path.display()),
        }
    }
    let ranked = |mut documents: Vec<(f64, String)>| {
        documents.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| right.1.cmp(&left.1)));
        documents.into_iter().map(|(_, document)| document).collect()
    };
    let of_run = |queries: BTreeMap<String, Vec<(f64, String)>>| {
        queries.into_iter().map(|(query, documents)| (query, ranked(documents))).collect()
    };
    Ok(scored.into_iter().map(|(name, queries)| (name, of_run(queries))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_written() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("runs");
        let ranking = |documents: &[&str]| documents.iter().map(|document| (*document).to_owned()).collect();
        let words = Rankings::from([("1".to_owned(), ranking(&["b", "a"])), ("2".to_owned(), ranking(&["c"]))]);
        let both = Rankings::from([("1".to_owned(), ranking(&["a", "b"]))]);
        write(&path, &[("lexical", &words), ("hybrid", &both)])?;
        let found = read(&path)?;
        assert_eq!(found["lexical"], words);
        assert_eq!(found["hybrid"], both);
        fs_err::write(&path, "1 Q0 a 1 high name\n")?;
        assert!(read(&path).is_err());
        Ok(())
    }
}
