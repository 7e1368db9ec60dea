export { Pace } from './pace.ts'
export { readCapped, TooManyBytesError } from './read-capped.ts'
export { retryAfter } from './retry-after.ts'
