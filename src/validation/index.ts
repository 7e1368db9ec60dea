export { renderCards } from './page.ts'
export { type ValidationCall, type ValidationRequest, validateMetrics } from './validate.ts'
