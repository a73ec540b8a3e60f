fn main() {
    let limits = terroir_ingest::limits::Limits::default();
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("read");
        let name = path.rsplit('/').next();
        let started = std::time::Instant::now();
        let full = std::env::var("SHOW").is_ok();
        match terroir_ingest::parse::parse(&bytes, name, &limits) {
            Ok(document) => {
                println!(
                    "READY {path} {} blocks {} chars {} ms {} title {:?} warnings {:?}",
                    document.media_type.as_str().rsplit('.').next().unwrap_or(""),
                    document.blocks.len(),
                    document.text().len(),
                    started.elapsed().as_millis(),
                    document.title,
                    document.warnings.iter().map(|w| w.code.to_string()).collect::<Vec<_>>()
                );
                if full {
                    for block in &document.blocks {
                        println!(
                            "  [{:?} {}] {}",
                            block.kind,
                            block.heading_path.len(),
                            block.text.replace('\n', "\n      ")
                        );
                    }
                }
            }
            Err(error) => println!("FAILED {path} {} {error}", error.code()),
        }
    }
}
