package main

import (
	"context"
	"errors"
	"reflect"
	"unsafe"

	"sigs.k8s.io/aws-iam-authenticator/pkg/arn"
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/ec2provider"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"
	"sigs.k8s.io/aws-iam-authenticator/pkg/server"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

// caller is somebody of whom STS has said who it is.
type caller struct {
	lookup
	AccountID   string            `json:"accountID"`
	SessionName string            `json:"sessionName"`
	AccessKeyID string            `json:"accessKeyID"`
	Instances   map[string]string `json:"instances"`
	Reserved    []string          `json:"reserved"`
}

// The server's own functions, which no other package may call: a copy of them would prove nothing.

//go:linkname doMapping sigs.k8s.io/aws-iam-authenticator/pkg/server.(*handler).doMapping
func doMapping(handler unsafe.Pointer, ctx context.Context, identity *token.Identity) (string, []string, error)

//go:linkname saveMap sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap.(*MapStore).saveMap
func saveMap(store *configmap.MapStore, users []config.UserMapping, roles []config.RoleMapping, accounts []string)

// instances stands in for EC2.
type instances map[string]string

func (i instances) GetPrivateDNSName(_ context.Context, id string) (string, error) {
	if name, known := i[id]; known {
		return name, nil
	}
	return "", errors.New("EC2 does not know it")
}

func (i instances) StartEc2DescribeBatchProcessing(context.Context) {}

// field is a field of v that only its own package may set, to be set.
func field[T any](v reflect.Value, names ...string) *T {
	for _, name := range names {
		v = v.FieldByName(name)
	}
	return (*T)(unsafe.Pointer(v.UnsafeAddr()))
}

// decision is whom the server makes of a caller.
type decision struct {
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

// decides is what the server does with a caller when it has these entries; nil: it turns the caller away.
func (c caller) decides(
	canonical string, users []config.UserMapping, roles []config.RoleMapping, accounts []string,
) *decision {
	store := &configmap.MapStore{}
	saveMap(store, users, roles, accounts)
	reader := &configmap.ConfigMapMapper{MapStore: store}
	*field[[]string](reflect.ValueOf(reader).Elem(), "usernamePrefixReserveList") = c.Reserved

	handlerType, _ := reflect.TypeFor[server.Server]().FieldByName("internalHandler")
	handler := reflect.New(handlerType.Type.Elem())
	*field[ec2provider.EC2Provider](handler.Elem(), "ec2Provider") = instances(c.Instances)
	*field[[]mapper.Mapper](handler.Elem(), "backendMapper", "mappers") = []mapper.Mapper{reader}

	username, groups, err := doMapping(handler.UnsafePointer(), context.Background(), &token.Identity{
		ARN:          c.Arn,
		CanonicalARN: canonical,
		AccountID:    c.AccountID,
		SessionName:  c.SessionName,
		AccessKeyID:  c.AccessKeyID,
	})
	if err != nil {
		return nil
	}
	return &decision{username, groups}
}

// admit lets the server decide on one caller: with everything, and with each entry alone that may be the one it takes.
func admit(c caller) map[string]any {
	_, canonical, err := arn.Canonicalize(c.Arn)
	if err != nil {
		return map[string]any{"canonical": nil, "one": nil, "all": []*decision{nil}}
	}
	config.SSORoleMatchEnabled = c.Sso
	users, roles, accounts, _ := configmap.ParseMap(c.Data)
	one := c.decides(canonical, users, roles, accounts)
	matchingRoles, matchingUsers := matching(canonical, users, roles)
	all := []*decision{}
	for _, m := range matchingRoles {
		all = append(all, c.decides(canonical, nil, []config.RoleMapping{m}, nil))
	}
	for _, m := range matchingUsers {
		all = append(all, c.decides(canonical, []config.UserMapping{m}, nil, nil))
	}
	if len(all) == 0 {
		all = append(all, c.decides(canonical, nil, nil, accounts))
	}
	return map[string]any{"canonical": canonical, "one": one, "all": all}
}
