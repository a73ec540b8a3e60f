use std::path::Path;
use terroir_embed::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let store = ModelStore::open(Path::new("/tmp/models/store")).unwrap();
    let t = std::time::Instant::now();
    println!("{:?} {:?}", store.import(Path::new(&a[1]), false).map(|p| p.name), t.elapsed());
    let t = std::time::Instant::now();
    let files = store.default_for("embed").unwrap();
    println!("files {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let threads = a[3].parse().unwrap();
    let e = Encoder::open(&files, EncoderOptions { threads, max_batch_tokens: a[4].parse().unwrap(), ..Default::default() }).unwrap();
    println!("open {:?}", t.elapsed());
    let lines: Vec<String> = std::fs::read_to_string(&a[2]).unwrap().lines().map(str::to_owned).collect();
    for _ in 0..3 {
        println!("{}", serde_json::to_string(&bench::bench(&e, &lines).unwrap()).unwrap());
    }
    if let Some(r) = a.get(5) {
        let r: Vec<Vec<f32>> = serde_json::from_str(&std::fs::read_to_string(r).unwrap()).unwrap();
        let v = e.encode_blocking(lines, Priority::Bulk).unwrap();
        let mut worst = 1.0f64; let mut maxd = 0.0f64;
        for (a, b) in v.iter().zip(&r) {
            let (mut ab, mut aa, mut bb) = (0f64, 0f64, 0f64);
            for (x, y) in a.iter().zip(b) { let (x, y) = (*x as f64, *y as f64); ab += x*y; aa += x*x; bb += y*y; maxd = maxd.max((x-y).abs()); }
            worst = worst.min(ab / (aa*bb).sqrt());
        }
        println!("{} vectors, worst cosine {worst:.9}, max diff {maxd:e}", r.len());
    }
}
