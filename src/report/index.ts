export { buildReport, type Report } from './build-report.ts'
export type { Headline } from './headline.ts'
