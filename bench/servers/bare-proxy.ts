import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { listen, setting } from './listen.ts';

/** The least that passes everything through. */
const app = Fastify();
await app.register(proxy, { upstream: setting('UPSTREAM'), prefix: '/' });
await listen(app);
