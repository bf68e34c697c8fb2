//! The strict subset of POSIX ustar that paddeds and bundles are written in.
