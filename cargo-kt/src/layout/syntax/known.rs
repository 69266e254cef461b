//! Attributes and macros that are known not to define items or replace a function.

use syn::{Attribute, Meta, Path};

/// Attributes of the language and its tools that do not change what a function or module is.
const BUILTIN_ATTRIBUTES: [&str; 34] = [
    "allow",
    "automatically_derived",
    "cfg",
    "cold",
    "coverage",
    "debugger_visualizer",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "export_name",
    "forbid",
    "ignore",
    "inline",
    "link_name",
    "link_section",
    "macro_export",
    "macro_use",
    "must_use",
    "naked",
    "no_implicit_prelude",
    "no_mangle",
    "no_main",
    "no_std",
    "non_exhaustive",
    "optimize",
    "path",
    "recursion_limit",
    "should_panic",
    "target_feature",
    "test",
    "track_caller",
    "type_length_limit",
    "used",
];

/// Attribute macros that wrap the body of a function and define nothing else.
const FUNCTION_MACROS: [&str; 7] = [
    "kt::remote",
    "tokio::main",
    "tokio::test",
    "tracing::instrument",
    "instrument",
    "async_trait",
    "async_trait::async_trait",
];

/// Macros that are expressions or statements: those of libstd and of well-known crates.
const EXPRESSION_MACROS: [&str; 76] = [
    "addr_of",
    "addr_of_mut",
    "anyhow",
    "assert",
    "assert_eq",
    "assert_matches",
    "assert_ne",
    "bail",
    "cfg",
    "column",
    "compile_error",
    "concat",
    "dbg",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "debug_span",
    "enabled",
    "ensure",
    "env",
    "eprint",
    "eprintln",
    "error",
    "error_span",
    "event",
    "eyre",
    "file",
    "format",
    "format_args",
    "include_bytes",
    "include_str",
    "info",
    "info_span",
    "instrument",
    "is_x86_feature_detected",
    "join",
    "json",
    "line",
    "log",
    "log_enabled",
    "matches",
    "module_path",
    "offset_of",
    "option_env",
    "panic",
    "pin",
    "poll_fn",
    "print",
    "println",
    "ready",
    "select",
    "select_biased",
    "span",
    "stringify",
    "todo",
    "trace",
    "trace_span",
    "try",
    "try_join",
    "unimplemented",
    "unreachable",
    "vec",
    "warn",
    "warn_span",
    "write",
    "writeln",
    "breakpoint",
    "is_aarch64_feature_detected",
    "concat_bytes",
    "field",
    "callsite",
    "assert_unchecked",
    "const_format_args",
    "unreachable_unchecked",
    "r#try",
];

/// Crates whose macros with those names are the known ones.
const TRUSTED_CRATES: [&str; 12] = [
    "alloc",
    "anyhow",
    "core",
    "eyre",
    "futures",
    "futures_util",
    "kt",
    "log",
    "serde_json",
    "std",
    "tokio",
    "tracing",
];

/// Whether an attribute does not change what the function, block or module is.
pub fn is_harmless_attribute(attribute: &Attribute) -> bool {
    is_harmless_meta(&attribute.meta)
}

fn is_harmless_meta(meta: &Meta) -> bool {
    let name = path_text(meta.path());
    match name.as_str() {
        "warn" => return true,
        // The attributes that it adds if its condition holds must be harmless too.
        "cfg_attr" => {
            let Meta::List(list) = meta else { return false };
            type Metas = syn::punctuated::Punctuated<Meta, syn::Token![,]>;
            let metas = list.parse_args_with(Metas::parse_terminated);
            return metas.is_ok_and(|metas| metas.iter().skip(1).all(is_harmless_meta));
        }
        "unsafe" => {
            let Meta::List(list) = meta else { return false };
            return list
                .parse_args::<Meta>()
                .is_ok_and(|inner| is_harmless_meta(&inner));
        }
        _ => {}
    }
    let tool = name.split("::").next().unwrap_or_default();
    BUILTIN_ATTRIBUTES.contains(&name.as_str())
        || FUNCTION_MACROS.contains(&name.as_str())
        || name.contains("::")
            && ["clippy", "rustfmt", "diagnostic", "miri", "rust_analyzer"].contains(&tool)
}

/// `#[cfg(test)]` and `#[test]`: programs are never built with such items.
pub fn is_for_tests(attribute: &Attribute) -> bool {
    if let Meta::Path(path) = &attribute.meta {
        return path.is_ident("test");
    }
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

/// Whether a macro with this name is an expression, unless another macro has the name.
pub fn is_expression_macro(name: &str) -> bool {
    EXPRESSION_MACROS.contains(&name)
}

/// The name of a macro that is an expression, unless another macro has the name; `None` for all
/// others.
pub fn expression_macro(path: &Path) -> Option<String> {
    let name = path.segments.last()?.ident.to_string();
    let is_trusted = path.segments.len() == 1
        || path
            .segments
            .first()
            .is_some_and(|first| is_trusted_crate(&first.ident.to_string()));
    (is_trusted && is_expression_macro(&name)).then_some(name)
}

pub fn is_trusted_crate(name: &str) -> bool {
    TRUSTED_CRATES.contains(&name)
}

pub fn path_text(path: &Path) -> String {
    let segments: Vec<_> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    segments.join("::")
}
