# The gateway alone: stores are given by URL. Node 24; 20 is supported until the next major version.
# With a compiler: SQLite's driver is built where no binary of it can be fetched, from the headers that the image has.
FROM node:24-bookworm AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY bin ./bin
COPY prisma ./prisma
COPY prisma.config.ts ./
RUN npm ci --omit=dev --ignore-scripts \
  && npm_config_nodedir=/usr/local npm rebuild better-sqlite3 \
  && npm cache clean --force

# What it is made of once it runs is JavaScript; the compiler stays behind.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
RUN npm ci --ignore-scripts
COPY bin ./bin
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json tsconfig.json routes.config.schema.json routes.config.yaml ./
COPY bin ./bin
COPY prisma ./prisma
# Modules that the configuration names are TypeScript, and take types and errors from here.
COPY src ./src
USER node
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.PORT??8080)+'/_banyan/ready').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "dist/main.js"]
