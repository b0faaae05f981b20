//! Runs bindings: configuration, lifecycle, lanes, settlement, retry, dead letter, publication
