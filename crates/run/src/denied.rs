//! Names of environment variables that change how programs are found, loaded or trusted. A secret may carry one only
//! when the command line allows it by name: whoever may write a secret must not thereby run code. No other rule of
//! names is here.
//!
//! The list is the security design's (section 4.5, environment rules), and what reviews of it have added since.

/// Whether a secret of this name is delivered only with `--allow-env`. Upper and lower case alike: `http_proxy` does
/// what `HTTP_PROXY` does.
pub(crate) fn is_denied(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.contains(&name.as_str())
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[rustfmt::skip]
const PREFIXES: [&str; 12] = [
    "LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG", "SSL_CERT_", "STRONGROOM_",
    // Lua reads the ones of its version first: LUA_INIT_5_4.
    "LUA_INIT", "LUA_PATH", "LUA_CPATH",
    // npm takes every setting so: a shell, a settings file, options for node.
    "NPM_CONFIG_",
    "CARGO_BUILD_RUST", "CORECLR_PROFILER",
];

const SUFFIXES: [&str; 1] = ["_PROXY"];

#[rustfmt::skip]
const NAMES: [&str; 99] = [
    // The dynamic loader and the C library.
    "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "RES_OPTIONS", "HOSTALIASES",
    // The shell.
    "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "CDPATH", "ZDOTDIR",
    // Interpreters and virtual machines.
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS",
    "PYTHONBREAKPOINT", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PYTHONPLATLIBDIR",
    "PERL5OPT", "PERL5LIB", "PERL5DB", "PERL5SHELL", "PERLLIB", "RUBYOPT", "RUBYLIB", "RUBYSHELL",
    "BUNDLE_GEMFILE", "GEM_PATH",
    "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH",
    "DOTNET_STARTUP_HOOKS", "PHPRC", "PHP_INI_SCAN_DIR", "ERL_AFLAGS",
    // Tools that start what a variable names.
    "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "GIT_PROXY_COMMAND", "SSH_ASKPASS",
    "GIT_EXEC_PATH", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_TEMPLATE_DIR",
    "EDITOR", "VISUAL", "PAGER", "MANPAGER", "LESSOPEN", "LESSCLOSE", "BROWSER",
    // Tools that build.
    "CC", "CXX", "LD", "AR", "MAKE", "MAKEFLAGS",
    "CARGO_HOME", "PIP_INDEX_URL", "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTDOC",
    // Whom to trust, and where to go. OpenSSL loads code by its settings too.
    "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED",
    // What a TLS library writes there opens every connection.
    "DOCKER_HOST", "KUBECONFIG", "SSLKEYLOGFILE",
    // Who one is, where one lives, and where settings are looked for.
    "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERMINFO", "TERMCAP",
    "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_RUNTIME_DIR",
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
    fn what_a_review_missed_needs_leave() {
        #[rustfmt::skip]
        let names = [
            "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES",
            "GIT_EXEC_PATH", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_TEMPLATE_DIR",
            "PYTHONBREAKPOINT", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PERL5SHELL", "RUBYSHELL",
            "LUA_PATH", "LUA_PATH_5_4", "LUA_CPATH", "LUA_CPATH_5_4", "LUA_INIT", "LUA_INIT_5_4",
            "DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH_64",
            "NPM_CONFIG_SCRIPT_SHELL", "npm_config_script_shell", "npm_config_node_options",
            "RUSTC", "RUSTFLAGS", "RUSTDOC", "CARGO_BUILD_RUSTC", "CARGO_BUILD_RUSTC_WRAPPER",
            "CARGO_BUILD_RUSTFLAGS", "CXX", "LD", "AR", "MAKE",
            "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_RUNTIME_DIR",
        ];
        for name in names {
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
            "LDAP_PASSWORD",
            "OPENSSL_KEY",
            "NPM_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "LUA_KEY",
            "DOTNET_KEY",
            "XDG_SESSION_ID",
            "AR_KEY",
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
