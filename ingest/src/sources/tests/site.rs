//! Web sites, on a server that the test makes.

use std::io::Write as _;

use serde_json::{Value, json};

use super::super::SourceError;
use super::super::site::Site;
use super::site_server::{Server, page, status};
use super::{Bench, counts, settings};

fn site(server: &Server, more: Value) -> Site {
    let mut value = json!({"urls": [format!("{}/", server.base)], "delay_ms": 0});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Site::open(&settings(value)).unwrap()
}

async fn addresses(bench: &Bench, server: &Server) -> Vec<String> {
    bench.documents().await.into_keys().map(|uri| uri.replace(&server.base, "")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_found_followed_and_let_go() {
    let server = Server::start().await;
    server.put(
        "/",
        page("<a href=a>A</a> <a href='/b#part'>B</a> <a href='/b?x=1'>B1</a> <a href='/logo.png'>L</a>")
            .with("etag", "\"1\""),
    );
    server.put("/a", page("<p>Apples.</p><a href='/deep'>deeper</a>").with("etag", "\"2\""));
    server.put("/b", page("<p>Pears.</p>").with("last-modified", "Mon, 05 Jan 2026 10:00:00 GMT"));
    server.put("/b?x=1", page("<p>Pears, once more.</p>"));
    server.put("/deep", page("<p>Roots.</p>"));
    let bench = Bench::new("site").await;
    let origin = site(&server, json!({}));
    assert_eq!(bench.counts(&origin).await, [5, 0, 0, 0, 0]);
    assert_eq!(addresses(&bench, &server).await, ["/", "/a", "/b", "/b?x=1", "/deep"]);
    assert!(!server.asked().contains(&"/logo.png".to_owned()));

    // Unchanged: two say so themselves, of three the bytes do. The links of what is not sent again are known.
    assert_eq!(bench.counts(&origin).await, [0, 0, 0, 5, 0]);

    server.put("/a", page("<p>Apples are ripe.</p><a href='/deep'>deeper</a>").with("etag", "\"3\""));
    server.put("/deep", status(404));
    assert_eq!(bench.counts(&origin).await, [0, 1, 1, 3, 0]);
    // Nothing leads to it any more, but it is there.
    server.put("/", page("<a href=a>A</a>").with("etag", "\"4\""));
    assert_eq!(bench.counts(&origin).await, [0, 1, 0, 3, 0]);
    server.put("/b", status(410));
    assert_eq!(bench.counts(&origin).await, [0, 0, 1, 3, 0]);
    assert_eq!(addresses(&bench, &server).await, ["/", "/a", "/b?x=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_now_is_kept() {
    let server = Server::start().await;
    server.put("/", page("<a href=a>A</a><p>Start.</p>"));
    server.put("/a", page("<p>Apples.</p><a href=b>B</a>"));
    server.put("/b", page("<p>Pears.</p>"));
    let bench = Bench::new("site").await;
    let origin = site(&server, json!({}));
    assert_eq!(bench.counts(&origin).await, [3, 0, 0, 0, 0]);
    server.put("/a", status(500));
    let (result, report) = bench.sync(&origin).await;
    result.unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 2, 1], "b is known, though only a leads to it");
    assert_eq!(report.failures[0].code, "bad_answer");
    assert_eq!(server.asked().iter().filter(|path| *path == "/a").count(), 1 + 4, "tried again before");

    // The whole site is out of order.
    server.put("/", status(503));
    let (result, report) = bench.sync(&origin).await;
    assert!(matches!(result, Err(SourceError::Status { status: 503, .. })), "{result:?}");
    assert_eq!(report.removed, 0);
    server.put("/robots.txt", status(503));
    let (result, _) = bench.sync(&origin).await;
    assert!(result.is_err());
    assert_eq!(addresses(&bench, &server).await, ["/", "/a", "/b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_whom_the_user_did_not_name() {
    let server = Server::start().await;
    let stranger = Server::start().await;
    stranger.put("/", page("<p>Elsewhere.</p>"));
    stranger.put("/robots.txt", page("User-agent: *\nAllow: /"));
    server.put(
        "/",
        page(&format!("<a href='{}/'>out</a> <a href=/moved>m</a> <a href=/circle>c</a> <p>Start.</p>", stranger.base)),
    );
    server.put("/moved", status(302).with("location", &format!("{}/", stranger.base)));
    server.put("/circle", status(302).with("location", "/circle"));
    let bench = Bench::new("site").await;
    let (result, report) = bench.sync(&site(&server, json!({}))).await;
    result.unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 1], "{report:?}");
    assert_eq!(report.failures[0].item, format!("{}/circle", server.base));
    assert!(stranger.asked().is_empty(), "the stranger was asked");

    // A start that leads out is told.
    let origin = Site::open(&settings(json!({"urls": [format!("{}/moved", server.base)], "delay_ms": 0}))).unwrap();
    let bench = Bench::new("site").await;
    let (result, report) = bench.sync(&origin).await;
    assert!(matches!(result, Err(SourceError::LeadsOut { .. })), "{result:?}");
    assert_eq!(report.failures[0].code, "leads_out");
    assert!(stranger.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_of_the_site_are_respected() {
    let server = Server::start().await;
    let robots = format!(
        "User-agent: *\nDisallow: /\n\nUser-agent: TerroirBot\nDisallow: /private\n\nSitemap: {}/map.txt\n",
        server.base
    );
    server.put("/robots.txt", page(&robots));
    server.put("/map.txt", page(&format!("{}/mapped\n", server.base)).with("content-type", "text/plain"));
    server.put("/mapped", page("<p>On the map.</p>"));
    server.put(
        "/",
        page(
            "<a href=/private/x>p</a> <a href=/draft>d</a> <a href=/index>i</a> <a href=/same?ref=1>s</a><p>Start.</p>",
        ),
    );
    server.put("/private/x", page("<p>Private.</p>"));
    server.put("/draft", page("<meta name=robots content=noindex><p>Draft.</p><a href=/behind>b</a>"));
    server.put("/behind", page("<p>Behind the draft.</p>").with("x-robots-tag", "nofollow"));
    server.put("/index", page("<p>Hidden.</p>").with("x-robots-tag", "noindex"));
    server.put("/same?ref=1", page("<link rel=canonical href=/same><p>Same.</p>"));
    let bench = Bench::new("site").await;
    let origin = site(&server, json!({}));
    assert_eq!(bench.counts(&origin).await, [4, 0, 0, 0, 0]);
    assert_eq!(addresses(&bench, &server).await, ["/", "/behind", "/mapped", "/same"]);
    assert!(!server.asked().iter().any(|path| path.starts_with("/private")));

    // A page that does not want to be found any more goes.
    server.put("/behind", page("<p>Behind the draft.</p>").with("x-robots-tag", "noindex"));
    let (result, report) = bench.sync(&origin).await;
    result.unwrap();
    assert_eq!(report.removed, 1);
    // Nor anything of a site that closes its doors.
    server.put("/robots.txt", page("User-agent: *\nDisallow: /\n"));
    let (result, _) = bench.sync(&origin).await;
    assert!(matches!(result, Err(SourceError::Robots { .. })), "{result:?}");
    assert_eq!(addresses(&bench, &server).await, ["/", "/mapped", "/same"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sitemaps_are_read_through_lists_and_packed() {
    let server = Server::start().await;
    let index = format!(
        "<sitemapindex><sitemap><loc>{}/pages.xml.gz</loc></sitemap><sitemap><loc>{0}/sitemap.xml</loc></sitemap></sitemapindex>",
        server.base
    );
    let pages = format!(
        "<urlset><url><loc>{0}/one</loc></url><url><loc>{0}/two</loc></url><url><loc>http://127.0.0.1:9/x</loc></url></urlset>",
        server.base
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(pages.as_bytes()).unwrap();
    server.put("/sitemap.xml", page(&index).with("content-type", "application/xml"));
    server.put("/pages.xml.gz", page("").with("content-type", "application/gzip").bytes(&packed.finish().unwrap()));
    server.put("/one", page("<p>One.</p>"));
    server.put("/two", page("<p>Two.</p>").with("content-type", "image/png"));
    let bench = Bench::new("site").await;
    let value = json!({"sitemaps": [format!("{}/sitemap.xml", server.base)], "delay_ms": 0});
    let origin = Site::open(&settings(value)).unwrap();
    assert_eq!(bench.counts(&origin).await, [1, 0, 0, 0, 0]);
    assert_eq!(addresses(&bench, &server).await, ["/one"]);
    server.put("/sitemap.xml", status(500));
    let (result, report) = bench.sync(&origin).await;
    assert!(result.is_err() && report.removed == 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_without_end_ends() {
    let server = Server::start().await;
    for number in 0..40 {
        let next = number + 1;
        server.put(&format!("/{number}"), page(&format!("<p>Page {number}.</p><a href=/{next}>next</a>")));
    }
    server.put("/", page("<a href=/0>first</a>"));
    let bench = Bench::new("site").await;
    let (result, report) = bench.sync(&site(&server, json!({"max_pages": 10, "depth": 100}))).await;
    result.unwrap();
    assert_eq!((report.added, report.failed), (10, 1));
    assert_eq!(report.failures[0].code, "too_many_pages");
    // With fewer pages allowed, none is removed: nobody knows whether they are there.
    let (result, report) = bench.sync(&site(&server, json!({"max_pages": 3, "depth": 100}))).await;
    result.unwrap();
    assert_eq!(report.removed, 0);
    let (result, report) = bench.sync(&site(&server, json!({"depth": 2, "exclude": ["9*"]}))).await;
    result.unwrap();
    assert_eq!(report.removed, 0, "what is known is asked for, however deep: {report:?}");
}
