// Directories and server descriptors as the API names them.   spec: mixminion-client-api 3, 4

import { ServerDescriptor as Descriptor } from '../directory/descriptor.ts';
import { Directory as AnyDirectory } from '../directory/directory.ts';
import { downloadDirectory as download, downloadDirectoryTo as downloadTo } from '../directory/download.ts';
import { apiClass, apiFunction } from './translate.ts';

/** A network's signed list of servers: `parse` a text or octets, or `load` a file. */
export const Directory = apiClass(AnyDirectory);
export type Directory = AnyDirectory;

/** What one server says of itself: `parse` the next one of a text, or `build` one's own. */
export const ServerDescriptor = apiClass(Descriptor);
export type ServerDescriptor = Descriptor;

/** The octets of the directory that a directory server offers; see `DownloadOptions` for its limits. */
export const downloadDirectory = apiFunction(download);

/** Fetches and checks a directory, then puts it in the place of a file in one step; resolves to it. */
export const downloadDirectoryTo = apiFunction(downloadTo);
