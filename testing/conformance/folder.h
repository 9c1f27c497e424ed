/*
 * folder.h - a fresh folder for one test, with everything in it gone at the end.
 */
#ifndef CONFORMANCE_FOLDER_H
#define CONFORMANCE_FOLDER_H

/* Fails the test if it cannot. Borrowed until the end. */
const char *folder_make(void);
void folder_remove(void);

#endif
