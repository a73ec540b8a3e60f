//! What stands around the content of a page: menus, banners, what is hidden.

use ego_tree::NodeId;
use scraper::ElementRef;

use super::measure::{Measure, Measures};

/// Never content.
const NEVER: &[&str] = &[
    "script", "style", "noscript", "template", "nav", "button", "select", "option", "textarea", "iframe", "svg",
    "canvas", "object", "head", "dialog", "menu",
];
const ROLES: &[&str] =
    &["navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alert", "menu", "menubar"];
/// Names of classes that mean furniture wherever they are used.
const CLASSES: &[&str] = &[
    "navbar",
    "navbox",
    "breadcrumb",
    "breadcrumbs",
    "pagination",
    "noprint",
    "mw-editsection",
    "mw-jump-link",
    "skip-link",
    "sr-only",
    "visually-hidden",
    "visuallyhidden",
    "screen-reader-text",
    "advertisement",
    "cookie-banner",
    "cookie-consent",
    "cookie-notice",
    "share-buttons",
    "social-share",
    "social-links",
    "site-header",
    "site-footer",
    "page-footer",
    "site-nav",
    "headerlink",
];
/// Names of classes and ids that mean furniture where most of the text is links.
const LINKED_CLASSES: &[&str] = &[
    "nav",
    "navigation",
    "menu",
    "sidebar",
    "side-bar",
    "toc",
    "related",
    "links",
    "footer",
    "header",
    "social",
    "share",
    "tags",
    "widget",
    "topbar",
    "bottom",
    "languages",
    "pager",
];
/// A block of which this share or more is links leads elsewhere.
const LINK_SHARE: f32 = 0.8;
/// The same for blocks whose name speaks against them.
const NAMED_LINK_SHARE: f32 = 0.5;
/// Fewer links may be content.
const MIN_LINKS: usize = 4;

/// Judges the elements of one page.
pub(super) struct Furniture<'a> {
    measures: &'a Measures,
    page_chars: usize,
    /// Whether what is read is the part that the page marks as main.
    in_main: bool,
}

impl<'a> Furniture<'a> {
    pub(super) fn new(measures: &'a Measures, page: NodeId, in_main: bool) -> Self {
        Self { measures, page_chars: measures.get(page).chars, in_main }
    }

    pub(super) fn is(&self, element: ElementRef<'_>) -> bool {
        let value = element.value();
        let name = value.name();
        if NEVER.contains(&name) || is_hidden(element) {
            return true;
        }
        let measure = self.measures.get(element.id());
        // Whatever it is called: what holds most of the page is the page.
        if measure.chars * 2 > self.page_chars {
            return false;
        }
        if value.attr("role").is_some_and(|role| ROLES.contains(&role)) {
            return true;
        }
        match name {
            "form" => return true,
            "aside" => return !self.in_main || measure.link_share() >= NAMED_LINK_SHARE,
            "footer" => return !self.in_main,
            // The page's own title often stands in its header, beside the menu of the site.
            "header" => return !self.in_main && (measure.headings == 0 || measure.link_share() >= NAMED_LINK_SHARE),
            _ => {}
        }
        has_name(element, CLASSES)
            || has_name(element, LINKED_CLASSES) && measure.link_share() >= NAMED_LINK_SHARE
            || !self.in_main && is_link_list(name, &measure)
    }
}

fn is_hidden(element: ElementRef<'_>) -> bool {
    let value = element.value();
    let styled = |style: &str| {
        let style = style.to_ascii_lowercase().replace(' ', "");
        style.contains("display:none") || style.contains("visibility:hidden")
    };
    value.attr("hidden").is_some()
        || value.attr("aria-hidden") == Some("true")
        || value.attr("style").is_some_and(styled)
}

fn has_name(element: ElementRef<'_>, names: &[&str]) -> bool {
    let value = element.value();
    let id = value.attr("id").into_iter();
    value.classes().chain(id).any(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// A block that is nearly all links leads elsewhere.
fn is_link_list(name: &str, measure: &Measure) -> bool {
    matches!(name, "ul" | "ol" | "div" | "section" | "p" | "center")
        && measure.links >= MIN_LINKS
        && measure.headings == 0
        && measure.link_share() >= LINK_SHARE
}
