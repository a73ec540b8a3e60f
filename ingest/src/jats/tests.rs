use super::*;

pub(crate) const ARTICLE: &str = "<!DOCTYPE article PUBLIC \"-//NLM//DTD JATS\" \"x.dtd\"><article xml:lang=\"en\"><front><journal-meta><journal-title>Annals</journal-title></journal-meta>\
<article-meta><article-id pub-id-type=\"pmid\">1</article-id><article-id pub-id-type=\"doi\">10.1234/mill.7</article-id>\
<title-group><article-title>On the <italic>mill</italic> race</article-title></title-group>\
<contrib-group><contrib contrib-type=\"author\"><name><surname>Roche</surname><given-names>Anne</given-names></name><xref ref-type=\"aff\">1</xref></contrib>\
<contrib contrib-type=\"editor\"><name><surname>Nobody</surname></name></contrib></contrib-group><aff>Somewhere</aff>\
<pub-date><day>3</day><year>2019</year></pub-date><abstract><p>We measured water.</p></abstract></article-meta></front>\
<body><sec><label>1</label><title>Methods</title><p>Water was <bold>measured</bold><xref>[1]</xref>.</p><list><list-item><p>daily</p></list-item></list>\
<sec><title>Tools</title><table-wrap><label>Table 1</label><caption><title>Flow</title></caption><table><tr><th>day</th><th>l/s</th></tr><tr><td><p>1</p></td><td>40</td></tr></table></table-wrap></sec></sec></body>\
<back><ref-list><title>References</title><ref><label>1</label><element-citation><name><surname>Vidal</surname><given-names>B</given-names></name><article-title>Wells</article-title><year>1990</year></element-citation></ref>\
<ref><mixed-citation>Keller M. <source>Dams</source>. 1980.</mixed-citation></ref></ref-list></back></article>";

#[test]
fn an_article_becomes_sections_and_metadata() {
    let document = parse(ARTICLE.as_bytes(), &Limits::default()).unwrap();
    let found: Vec<(&str, &str)> =
        document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str())).collect();
    assert_eq!(
        found,
        [
            ("heading", "On the mill race"),
            ("paragraph", "Anne Roche"),
            ("heading", "Abstract"),
            ("paragraph", "We measured water."),
            ("heading", "1 Methods"),
            ("paragraph", "Water was measured[1]."),
            ("list_item", "daily"),
            ("heading", "Tools"),
            ("caption", "Table 1 Flow"),
            ("table", "day | l/s\n1 | 40"),
            ("heading", "References"),
            ("list_item", "1 Vidal B, Wells, 1990"),
            ("list_item", "Keller M. Dams. 1980."),
        ]
    );
    assert_eq!(document.blocks[9].heading_path, ["On the mill race", "1 Methods", "Tools"]);
    assert_eq!(document.title.as_deref(), Some("On the mill race"));
    let metadata = document.metadata;
    assert_eq!((metadata.year, metadata.doi.as_deref()), (Some(2019), Some("10.1234/mill.7")));
    assert_eq!((metadata.authors, metadata.language), (vec!["Anne Roche".to_owned()], Some("en".to_owned())));
}
