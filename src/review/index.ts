export { type OpenReview, type OpenReviewOptions, openReview } from './open-review.ts'
