// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "smtpguard/kernel/ruleset.h"

int ruleset_load(const char *text, char **ret_error)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *error;
	char *copy;
	int r;

	if (!nft)
		return -ENOMEM;
	if (nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft)) {
		nft_ctx_free(nft);
		return -ENOMEM;
	}
	r = nft_run_cmd_from_buffer(nft, text);
	if (r == 0) {
		nft_ctx_free(nft);
		return 0;
	}
	error = nft_ctx_get_error_buffer(nft);
	copy = strdup(error && *error ? error : "libnftables gave no message");
	nft_ctx_free(nft);
	if (!copy)
		return -ENOMEM;
	*ret_error = copy;
	return -EINVAL;
}
