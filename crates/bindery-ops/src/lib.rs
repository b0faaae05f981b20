//! Health, bindings and metrics over HTTP, as Spring Boot Actuator spells them
