/** Several chosen files as the one that a request carries. */
import { isWhole } from "./beside"

/** The file itself where it is an archive or an array; else a zip of all, in the order of their names. */
export async function packed(files: readonly File[], name: string): Promise<File> {
  if (isWhole(files)) return files[0]!
  const { zipSync } = await import("fflate")
  const content: Record<string, Uint8Array> = {}
  for (const [path, file] of named(files)) content[path] = await contentOf(file)
  // Pictures and sounds are compressed already. A fixed time: the same files are the same zip, whenever it is made.
  const zip = zipSync(content, { level: 0, mtime: "1980-01-01T00:00:00" })
  return new File([zip.slice()], `${folderOf(files) ?? name}.zip`, { type: "application/zip" })
}

/** Rejects where the file has gone since it was chosen. */
export function contentOf(file: File): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(new Uint8Array(reader.result as ArrayBuffer))
    reader.onerror = () => reject(reader.error ?? new Error(`${file.name} cannot be read`))
    reader.readAsArrayBuffer(file)
  })
}

/** Paths inside the zip. Files of one name from several places are told apart by a number. */
export function named(files: readonly File[]): [path: string, file: File][] {
  const taken = new Map<string, File>()
  const inOrder = [...files].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))
  for (const file of inOrder) {
    let path = pathOf(file)
    for (let count = 2; taken.has(path); count += 1) path = pathOf(file).replace(/(\.[^.]*)?$/, `-${count}$1`)
    taken.set(path, file)
  }
  return [...taken]
}

function pathOf(file: File): string {
  return partsOf(file).slice(1).join("/") || file.name
}

function folderOf(files: readonly File[]): string | undefined {
  return files.map((file) => partsOf(file)[0]).find(Boolean)
}

/** Where a file of a chosen folder lies; nothing for files that were chosen one by one. */
function partsOf(file: File): string[] {
  return ((file.webkitRelativePath as string | undefined) ?? "").split("/")
}
