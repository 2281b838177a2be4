/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that can be made slow, full or broken: an SQLite VFS around the default one, for tests. It has
 * no shared memory, so it also proves that the ledger does not map any.
 */
#pragma once

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static atomic_int disk_delay_ms;    /* of each write and each sync */
static atomic_int disk_read_delay_ms;
static atomic_int disk_read_error;  /* an SQLite code, for one read; 0: none */
static atomic_int disk_write_error; /* an SQLite code; 0: none */
static atomic_bool disk_fails_once; /* the error is over with the first that gets it */

struct disk_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *disk_real(sqlite3_file *file)
{
	return ((struct disk_file *)file)->real;
}

static void disk_wait(int ms)
{
	if (ms > 0)
		usleep((useconds_t)ms * 1000);
}

static int disk_turn(void)
{
	int error = atomic_load(&disk_fails_once) ? atomic_exchange(&disk_write_error, 0) :
						    atomic_load(&disk_write_error);

	disk_wait(atomic_load(&disk_delay_ms));
	errno = EIO;
	return error;
}

static int disk_close(sqlite3_file *file)
{
	return disk_real(file)->pMethods->xClose(disk_real(file));
}

static int disk_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
	int error = atomic_exchange(&disk_read_error, 0);

	disk_wait(atomic_load(&disk_read_delay_ms));
	errno = EIO;
	return error ? error : disk_real(file)->pMethods->xRead(disk_real(file), data, n, at);
}

static int disk_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	int code = disk_turn();

	return code ? code : disk_real(file)->pMethods->xWrite(disk_real(file), data, n, at);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return disk_real(file)->pMethods->xTruncate(disk_real(file), size);
}

static int disk_sync(sqlite3_file *file, int flags)
{
	int code = disk_turn();

	return code ? code : disk_real(file)->pMethods->xSync(disk_real(file), flags);
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	return disk_real(file)->pMethods->xFileSize(disk_real(file), ret_size);
}

static int disk_lock(sqlite3_file *file, int level)
{
	return disk_real(file)->pMethods->xLock(disk_real(file), level);
}

static int disk_unlock(sqlite3_file *file, int level)
{
	return disk_real(file)->pMethods->xUnlock(disk_real(file), level);
}

static int disk_check_lock(sqlite3_file *file, int *ret_locked)
{
	return disk_real(file)->pMethods->xCheckReservedLock(disk_real(file), ret_locked);
}

static int disk_control(sqlite3_file *file, int op, void *argument)
{
	return disk_real(file)->pMethods->xFileControl(disk_real(file), op, argument);
}

static int disk_sector_size(sqlite3_file *file)
{
	return disk_real(file)->pMethods->xSectorSize(disk_real(file));
}

static int disk_characteristics(sqlite3_file *file)
{
	return disk_real(file)->pMethods->xDeviceCharacteristics(disk_real(file));
}

static const sqlite3_io_methods disk_methods = {
	.iVersion = 1,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_check_lock,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector_size,
	.xDeviceCharacteristics = disk_characteristics,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct disk_file *own = (struct disk_file *)file;
	sqlite3_vfs *real = vfs->pAppData;
	int code;

	own->base.pMethods = NULL;
	own->real = (sqlite3_file *)(own + 1);
	code = real->xOpen(real, name, own->real, flags, ret_flags);
	if (own->real->pMethods)
		own->base.pMethods = &disk_methods;
	return code;
}

/* From here on every database of the process is on this disk. */
static void disk_install(void)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	vfs = *real;
	vfs.zName = "bad-disk";
	vfs.pAppData = real;
	vfs.szOsFile = (int)sizeof(struct disk_file) + real->szOsFile;
	vfs.xOpen = disk_open;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

static void disk_heal(void)
{
	atomic_store(&disk_delay_ms, 0);
	atomic_store(&disk_read_delay_ms, 0);
	atomic_store(&disk_read_error, 0);
	atomic_store(&disk_write_error, 0);
	atomic_store(&disk_fails_once, false);
}
