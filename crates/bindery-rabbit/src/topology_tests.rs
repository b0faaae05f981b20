//! Topologies compared with those that Spring Cloud Stream declared on a real broker.
