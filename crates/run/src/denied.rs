//! Names of environment variables that change how programs are found, loaded or trusted. A secret may carry one only
//! when the command line allows it by name: whoever may write a secret must not thereby run code. No other rule of
//! names is here.

/// Whether a secret of this name is delivered only with `--allow-env`. Upper and lower case alike: `http_proxy` does
/// what `HTTP_PROXY` does.
pub(crate) fn is_denied(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.contains(&name.as_str())
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

const PREFIXES: [&str; 6] = ["LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG", "SSL_CERT_", "STRONGROOM_"];

const SUFFIXES: [&str; 1] = ["_PROXY"];

#[rustfmt::skip]
const NAMES: [&str; 66] = [
    // The dynamic loader and the C library.
    "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "RES_OPTIONS", "HOSTALIASES",
    // The shell.
    "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "CDPATH", "ZDOTDIR",
    // Interpreters.
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS",
    "PERL5OPT", "PERL5LIB", "PERL5DB", "PERLLIB", "RUBYOPT", "RUBYLIB", "NODE_OPTIONS", "NODE_PATH",
    "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
    "PHPRC", "PHP_INI_SCAN_DIR", "LUA_INIT", "ERL_AFLAGS",
    // Tools that start what a variable names.
    "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "GIT_PROXY_COMMAND", "SSH_ASKPASS",
    "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN", "LESSCLOSE", "BROWSER",
    "RUSTC_WRAPPER", "CC", "MAKEFLAGS",
    // Whom to trust, and where to go.
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED",
    "DOCKER_HOST", "KUBECONFIG",
    // Who one is, and where one lives.
    "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERMINFO", "TERMCAP",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: bool) {
        assert_eq!(is_denied(name), expected, "{name}");
    }

    #[test]
    fn every_listed_name_needs_leave() {
        for name in NAMES {
            check(name, true);
            check(&name.to_ascii_lowercase(), true);
        }
        for name in [
            "LD_PRELOAD",
            "ld_preload",
            "LD_LIBRARY_PATH",
            "DYLD_INSERT_LIBRARIES",
            "BASH_FUNC_x%%",
            "GIT_CONFIG",
            "GIT_CONFIG_COUNT",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "HTTPS_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "STRONGROOM_API_KEY",
            "strongroom_files",
        ] {
            check(name, true);
        }
    }

    #[test]
    fn ordinary_names_do_not() {
        for name in [
            "API_KEY",
            "DATABASE_URL",
            "PGPASSWORD",
            "GIT_TOKEN",
            "PATHS",
            "MY_PATH",
            "PROXY",
            "OLD_KEY",
            "LD",
            "SSL_KEY",
            "NODE_ENV",
            "USERNAME",
            "HOMEPAGE",
            "STRONGROOM",
            "GRB_LICENSE_FILE",
        ] {
            check(name, false);
        }
    }
}
