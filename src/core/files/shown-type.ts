/** How a file can be looked at without being saved; `none` where it can only be saved. */
export type ShownKind = 'picture' | 'video' | 'audio' | 'pdf' | 'text' | 'none'

/** How a file is shown, and the type it is shown with. */
export interface ShownType {
  readonly kind: ShownKind
  /** A MIME type of a closed list: none of them can run a script where it is shown. */
  readonly type: string
}

/**
 * How a file of that name is shown. What it really is nobody asks: it is shown as this, or not at all.
 *
 * Text of any sort, HTML and scripts too, is plain text. SVG is a picture, in which nothing runs while it is shown as one.
 */
export function shownTypeOf(name: string): ShownType {
  const ending = /\.([A-Za-z0-9]{1,10})$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const type = TYPES[ending]
  if (type !== undefined) return { kind: kindOf(type), type }
  if (TEXTS.has(ending) || TEXT_NAMES.has(name.toLowerCase())) return { kind: 'text', type: PLAIN_TEXT }
  return { kind: 'none', type: SAVED_TYPE }
}

function kindOf(type: string): ShownKind {
  if (type.startsWith('image/')) return 'picture'
  if (type.startsWith('video/')) return 'video'
  if (type.startsWith('audio/')) return 'audio'
  return 'pdf'
}

/** The type of what is to be saved, whatever it is. */
export const SAVED_TYPE = 'application/octet-stream'
/** The type of all that is shown as text. */
export const PLAIN_TEXT = 'text/plain; charset=utf-8'

const TYPES: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  png: 'image/png',
  apng: 'image/apng',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  bmp: 'image/bmp',
  ico: 'image/x-icon',
  svg: 'image/svg+xml',
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  ogv: 'video/ogg',
  mkv: 'video/x-matroska',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
  ogg: 'audio/ogg',
  oga: 'audio/ogg',
  opus: 'audio/ogg',
  wav: 'audio/wav',
  flac: 'audio/flac',
  weba: 'audio/webm',
  pdf: 'application/pdf',
})

const TEXTS: ReadonlySet<string> = new Set(
  (
    'txt md markdown rst log csv tsv json jsonl yaml yml toml ini conf cfg env xml html htm xhtml css js mjs cjs ts mts cts ' +
    'jsx tsx vue py rb rs go c h cc cpp hpp java kt swift sh bash zsh fish ps1 bat sql lua pl php r tex diff patch srt vtt ics pem'
  ).split(' '),
)
const TEXT_NAMES: ReadonlySet<string> = new Set([
  'readme',
  'license',
  'makefile',
  'dockerfile',
  '.gitignore',
  '.ztmignore',
])
