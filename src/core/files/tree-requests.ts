import { z } from 'zod'

const path = z.string().max(4_096)
const folderPath = path
const name = z.string().min(1).max(255)
const byteCount = z.int().min(0)
const version = z.string().min(1).max(200)
/** What must be there: that version; nothing if null; whatever there is if absent. */
const over = version.nullable().optional()
const mode = z.int().min(0).max(0o777)
const mtimeMs = z.number()
/** The part of a file that came before its rest: named by what it is a part of. */
const key = z.string().regex(/^[0-9a-f]{16}$/)

/** What lies at a path of a tree, on the wire. @see TreeEntry */
export const treeEntryShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    size: byteCount,
    mtimeMs,
    mode: mode.optional(),
    id: z.string().max(100).optional(),
    version: version.optional(),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  }),
  z.strictObject({ kind: z.literal('folder'), mode: mode.optional(), mtimeMs: mtimeMs.optional() }),
  z.strictObject({ kind: z.literal('link'), target: z.string().max(4_096), version: version.optional() }),
])

/** Why something about one path did not succeed, while the rest did. */
export const treeFaultShape = z.strictObject({ code: z.string().max(40), message: z.string().max(1_024) })

const entryOrFault = z.union([z.strictObject({ entry: treeEntryShape.nullable() }), treeFaultShape])

/** What may be asked of the endpoint that has a tree. Paths are below its root. */
export const treeRequestShape = z.discriminatedUnion('do', [
  /** How some paths are; hashed if told so. Answer: `entries`, null where there is nothing. */
  z.strictObject({
    do: z.literal('look'),
    paths: z.array(path).max(1_000),
    isHashed: z.boolean().default(false),
  }),
  /** All below a path, or only what is in it, page by page. Answer: `found`, `faults`, and where to go on. */
  z.strictObject({
    do: z.literal('list'),
    path,
    isFlat: z.boolean().default(false),
    cursor: z.int().min(0).optional(),
  }),
  /** Whole small files of one folder. Answer: `files`, their bytes one after another. */
  z.strictObject({ do: z.literal('fetch'), folder: folderPath, names: z.array(name).min(1).max(128) }),
  /** Put small files into one folder, their bytes one after another. Answer: `results`. */
  z.strictObject({
    do: z.literal('put'),
    folder: folderPath,
    files: z
      .array(z.strictObject({ name, size: byteCount, mode, mtimeMs, over }))
      .min(1)
      .max(256),
  }),
  /** A piece of a large file. Answer: `entry`, `size`, and its bytes; none if they are all zero. */
  z.strictObject({ do: z.literal('read'), path, offset: byteCount, size: z.int().min(1).max(1_048_576) }),
  /** SHA-256 of pieces of 1 MiB of a file, or of a part of it. Answer: `entry`, and 32 bytes for each. */
  z.strictObject({
    do: z.literal('hash'),
    path,
    key: key.optional(),
    /** Number of the first piece. */
    first: byteCount,
    count: z.int().min(1).max(1_024),
  }),
  /** How much of a part came before; one is made if there is none. Nobody else may then write to it. Answer: `size`. */
  z.strictObject({ do: z.literal('open-part'), path, key }),
  /** Write to a part of the file that is to be at `path`. */
  z.strictObject({ do: z.literal('write'), path, key, offset: byteCount }),
  /** Take a piece of what is at `path`, or at `from`, now into a part. */
  z.strictObject({
    do: z.literal('reuse'),
    path,
    key,
    from: path.optional(),
    offset: byteCount,
    size: z.int().min(1).max(1_048_576),
  }),
  /** Give a part that is whole its place. Answer: `entry`. */
  z.strictObject({ do: z.literal('place'), path, key, size: byteCount, mode, mtimeMs, over }),
  z.strictObject({ do: z.literal('drop-part'), path, key }),
  /** Make folders. Answer: `results`. */
  z.strictObject({ do: z.literal('make-folders'), paths: z.array(path).min(1).max(500) }),
  /** Make a symbolic link. Answer: `results`. */
  z.strictObject({
    do: z.literal('make-links'),
    links: z
      .array(z.strictObject({ path, target: z.string().max(4_096), over }))
      .min(1)
      .max(200),
  }),
  /** Remove files, links and empty folders; a folder with what is in it if it is told so. Answer: `results`. */
  z.strictObject({
    do: z.literal('remove'),
    items: z
      .array(z.strictObject({ path, was: version.optional(), isWhole: z.boolean().default(false) }))
      .min(1)
      .max(500),
  }),
  /** Rename a file, link or folder to where there is nothing, or over the file of a version. Answer: `entry`. */
  z.strictObject({
    do: z.literal('move'),
    path,
    to: path,
    was: version.optional(),
    over: version.optional(),
  }),
  /** Change modes and times. Answer: `results`. */
  z.strictObject({
    do: z.literal('touch'),
    items: z
      .array(
        z.strictObject({ path, mode: mode.optional(), mtimeMs: mtimeMs.optional(), was: version.optional() }),
      )
      .min(1)
      .max(500),
  }),
  /** Begin to hear of changes. */
  z.strictObject({ do: z.literal('watch') }),
  /** Wait until there are changes. Answer: `paths`; none if all may have changed. */
  z.strictObject({ do: z.literal('changes') }),
  /** Throw away what has been in the trash too long, or is too much. */
  z.strictObject({ do: z.literal('clean-trash'), keepMs: byteCount, keepBytes: byteCount }),
])
/** What may be asked of the endpoint that has a tree. */
export type TreeRequest = z.input<typeof treeRequestShape>
/** The same, parsed. */
export type ParsedTreeRequest = z.output<typeof treeRequestShape>

/** What came of a request: the members that its kind has. */
export const treeAnswerShape = z.strictObject({
  entry: treeEntryShape.nullable().optional(),
  entries: z.array(treeEntryShape.nullable()).max(1_000).optional(),
  found: z
    .array(z.tuple([path, treeEntryShape]))
    .max(5_000)
    .optional(),
  faults: z
    .array(z.tuple([path, treeFaultShape]))
    .max(5_000)
    .optional(),
  cursor: z.int().min(0).optional(),
  files: z
    .array(z.union([z.strictObject({ entry: treeEntryShape, size: byteCount }), treeFaultShape]))
    .max(256)
    .optional(),
  results: z.array(entryOrFault).max(500).optional(),
  size: byteCount.optional(),
  paths: z.array(path).max(10_000).optional(),
})
/** What came of a request. */
export type TreeAnswer = z.output<typeof treeAnswerShape>

/** What is said first, to open a tree at an endpoint. */
export const treeHelloShape = z.strictObject({
  kind: z.literal('tree'),
  /** As a person writes it there: absolute, or from the home folder. */
  path: z.string().max(3_000),
  /** It is one side of a mirror: what is removed goes to the trash, what is written is durable. */
  mirror: z
    .strictObject({
      id: z.string().regex(/^[0-9a-f]{16}$/),
      /** The folder is made if it is missing, and marked; else it has to have the mark. */
      isNew: z.boolean(),
    })
    .optional(),
  /** The folder that holds what is named is opened, though that is a folder itself: to rename or remove it there. */
  isHolder: z.boolean().optional(),
})
/** What is said first, to open a tree at an endpoint. */
export type TreeHello = z.input<typeof treeHelloShape>

/** How a tree was opened. */
export const treeOpenedShape = z.strictObject({
  /** The folder that all paths are below, absolute at its endpoint. */
  root: z.string().max(4_096),
  /** What was named, below the root: empty if it is the root. */
  name: path,
  entry: treeEntryShape.nullable(),
  /** Names that differ only in case or composition are one there. */
  foldsNames: z.boolean(),
  /** Only reading is allowed. */
  isReadOnly: z.boolean(),
})
/** How a tree was opened. */
export type TreeOpened = z.output<typeof treeOpenedShape>

/** Bytes of a piece of a large file: what is sent, hashed, and lost at most when a transfer is cut. */
export const TREE_PIECE_BYTES = 1_048_576
