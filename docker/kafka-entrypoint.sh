#!/usr/bin/env bash
# Starts one Kafka node as the public image does: each variable `KAFKA_A_B` becomes the property `a.b`.
set -euo pipefail

properties=/tmp/server.properties
: > "$properties"
while IFS='=' read -r name value; do
  case "$name" in
    KAFKA_HEAP_OPTS | KAFKA_OPTS) ;;
    KAFKA_*)
      key="${name#KAFKA_}"
      key="${key//_/.}"
      echo "${key,,}=$value" >> "$properties"
      ;;
  esac
done < <(env)

run() { java -Dlog4j2.configurationFile=/opt/kafka/log4j2.xml -cp '/opt/kafka/libs/*' "$@"; }

run kafka.tools.StorageTool format --ignore-formatted \
  --cluster-id "${CLUSTER_ID:-YmluZGVyeS1icm9rZXJzMQ}" --config "$properties"
# shellcheck disable=SC2086  # The options are several words on purpose.
exec java ${KAFKA_HEAP_OPTS:--Xmx1g} -Dlog4j2.configurationFile=/opt/kafka/log4j2.xml \
  -cp '/opt/kafka/libs/*' kafka.Kafka "$properties"
