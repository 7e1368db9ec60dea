export { closeRating } from './close-rating.ts'
export { type OpenRating, type OpenRatingOptions, openRating } from './open-rating.ts'
