//! The only encryption in the repository: age with the hybrid recipient.
