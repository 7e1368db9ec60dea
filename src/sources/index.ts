export { makeQueries, type QueryFile, readQueries } from './queries.ts'
