export { type OpenRating, type OpenRatingOptions, openRating } from './open-rating.ts'
