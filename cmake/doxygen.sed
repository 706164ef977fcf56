# Our comments as Doxygen's: the one on top is the file's, one behind a declaration belongs to it.
1s|^// |/// \\file\n/// |
1!s#^\( *\)//\( \|$\)#\1///\2#
s|\([;,{}]\) *// |\1  ///< |
s|^\( *\)/\* |\1/** |
1s|^/\*\* |/** \\file\n * |
