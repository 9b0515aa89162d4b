# The daemon in a container. Sources run as they are: Node strips the types, so there is nothing to build.
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t relaykeeper .

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No production dependency has an install script; none may start to have one unseen.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ARG REVISION=unknown
LABEL org.opencontainers.image.title="relaykeeper" org.opencontainers.image.revision="${REVISION}"
# Listening on 127.0.0.1 would be of no use in here; who may reach the port is said by `docker run -p`.
# Without the option a SIGUSR1 opens Node's debugger, and with it the keys, to everybody in the container.
ENV NODE_ENV=production NODE_OPTIONS=--disable-sigusr1 RELAYKEEPER_LISTEN=0.0.0.0:9847 RELAYKEEPER_REVISION="${REVISION}"
COPY --from=dependencies /app/node_modules /app/node_modules
COPY package.json /app/
COPY src /app/src
COPY config /app/config
# `docker exec … relaykeeper status`; and a data folder that the user below may write to.
RUN ln -s /app/src/relaykeeper /usr/local/bin/relaykeeper && mkdir /data && chown node:node /data
# What is compiled now is not compiled at each start: it starts sooner, with less memory. Everything is loaded once,
# the store's thread too; 124 is timeout's own end of a daemon that ran.
WORKDIR /tmp/warm
RUN timeout -s TERM 15 relaykeeper run --config /app/config/demo.yaml > /dev/null; status=$?; \
  rm -rf /tmp/warm/* && test "$status" = 124 -o "$status" = 0

# The default paths data/relaykeeper.db and data/relaykeeper.sock are relative to the working directory: /data.
WORKDIR /
VOLUME /data
USER node
EXPOSE 9847
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["relaykeeper", "healthcheck"]
# Exec form: the launcher is process 1 and gets SIGTERM itself; it passes it on from the first moment.
ENTRYPOINT ["relaykeeper"]
CMD ["run"]
