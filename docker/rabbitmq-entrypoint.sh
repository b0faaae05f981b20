#!/usr/bin/env bash
# Starts one RabbitMQ node as the public image does: with management, and with the user that the variables
# `RABBITMQ_DEFAULT_USER` and `RABBITMQ_DEFAULT_PASS` name, who may come from anywhere.
set -euo pipefail

cat > /etc/rabbitmq/rabbitmq.conf << CONFIGURATION
loopback_users = none
default_user = ${RABBITMQ_DEFAULT_USER:-guest}
default_pass = ${RABBITMQ_DEFAULT_PASS:-guest}
log.console = true
log.file = false
CONFIGURATION
echo '[rabbitmq_management].' > /etc/rabbitmq/enabled_plugins
unset RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS

export HOME=/var/lib/rabbitmq
cd "$HOME"
chown -R rabbitmq:rabbitmq "$HOME" /var/log/rabbitmq
# Without this step, `docker stop` would reach the wrapper's shell and not the node.
exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups /usr/lib/rabbitmq/bin/rabbitmq-server
