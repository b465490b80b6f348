import { useEffect, useState } from 'react'

/** A text as a QR code, black on white in every theme, for a camera to read. What draws it is loaded when it is needed. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const [rows, setRows] = useState<readonly (readonly boolean[])[]>([])
  useEffect(() => {
    let isShown = true
    // Low correction: a screen has no scratches, and fewer dots are read from further away.
    void import('uqr').then(
      ({ encode }) => isShown && setRows(encode(text, { ecc: 'L', border: QUIET }).data),
    )
    return () => {
      isShown = false
    }
  }, [text])
  const size = rows.length || 1
  const path = rows.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return (
    <svg
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
      style={{ width: '100%', maxWidth: 320, aspectRatio: '1' }}
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}

/** Dots around the code that are white. @see ISO/IEC 18004, section 6.3.8 */
const QUIET = 4
