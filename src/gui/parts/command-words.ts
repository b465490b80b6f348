/** A command as it can be pasted into a shell: words with anything but plain letters are quoted. */
export function formatCommand(...words: readonly string[]): string {
  return words
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ')
}
