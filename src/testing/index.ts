// First: the modules below make classes with these symbols.
import '../util/disposable-symbols.ts'

export { type ImageMatchers, type ImageSource, type ImageTolerance, imageMatchers } from './image-matchers.ts'
export { openTestLab } from './open-test-lab.ts'
export { type TinyBaseOptions, tinyBase } from './tiny-base.ts'
