//! Kafka: what comes in and what goes out. The only place that names Kafka.
