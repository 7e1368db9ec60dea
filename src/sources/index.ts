export type { AnswerStore, ImageSource, SearchOptions, SourceEvent } from './image-source.ts'
export { openSource, type SourceSurroundings, userAgent } from './open-source.ts'
export { makeQueries, type QueryFile, readQueryFile } from './queries.ts'
export type { Patience } from './question.ts'
